import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import Docker from 'dockerode';
import { baseImage, connect, derivedImage } from '../../session/support/sandboxes';
import { UnpluggedEngine } from '../../session/support/unpluggedEngine';

/** A separate engine for the suite with our image, and a separate folder for temporary files. */
export interface Ground {
  engine: UnpluggedEngine;
  image: string;
  remove(): Promise<void>;
}

/** Needs root. The image is copied from the machine's engine, which is not used for anything else. */
export async function setUp(): Promise<Ground> {
  const machines = await connect();
  const image = await derivedImage(machines).finally(() => {
    machines.dispose();
  });
  const outer = process.env['TMPDIR'];
  const folder = mkdtempSync(path.join(os.tmpdir(), 'faults-'));
  process.env['TMPDIR'] = folder;
  const clean = (): void => {
    if (outer === undefined) {
      delete process.env['TMPDIR'];
    } else {
      process.env['TMPDIR'] = outer;
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const engine = await UnpluggedEngine.start();
    await engine.load(new Docker(), [baseImage(), image]);
    return { engine, image, remove: () => engine.stop().finally(clean) };
  } catch (error) {
    clean();
    throw error;
  }
}
