import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Engine } from '../../src/engine/engine';
import { connect, containerExists, docker, newVolume, specification, usualImage } from './engineTools';

const LEFTOVERS = pathToFileURL(path.resolve(__dirname, '../../../scripts/lib/leftovers.mjs')).href;

describe('npm start, when it ends', function () {
  this.timeout(120_000);
  let engine: Engine;
  before(async () => {
    engine = await connect();
  });
  after(() => {
    engine.dispose();
  });

  it('removes all sandboxes of its windows with their libraries, including that of a notebook outside of its folder, and no others', async () => {
    const { removeSandboxesOfWindowsBelow } = (await import(LEFTOVERS)) as {
      removeSandboxesOfWindowsBelow: (folder: string) => Promise<void>;
    };
    const folder = mkdtempSync(path.join(os.tmpdir(), 'start-'));
    const image = await usualImage(engine);
    const [owner, another] = [randomUUID(), randomUUID()];
    const storage = path.join(folder, 'data/User/globalStorage/sandboxed-ipython.sandboxed-ipython');
    mkdirSync(storage, { recursive: true });
    writeFileSync(path.join(storage, 'owner'), owner);
    const [mine, theirs, libraries] = [
      specification(image, { owner, notebookHint: 'untitled:Untitled-1.ipynb' }),
      specification(image, { owner: another }),
      newVolume(),
    ];
    try {
      const [ours = '', others = ''] = await Promise.all([mine, theirs].map((one) => engine.create(one)));
      await docker.createVolume({
        Name: libraries,
        Labels: { 'sandboxed-ipython.version': '3', 'sandboxed-ipython.owner': owner },
      });
      await removeSandboxesOfWindowsBelow(folder);
      const volumeExists = (name: string): Promise<boolean> =>
        docker
          .getVolume(name)
          .inspect()
          .then(
            () => true,
            () => false,
          );
      assert.deepEqual(
        await Promise.all([containerExists(ours), volumeExists(mine.libraries), volumeExists(libraries)]),
        [false, false, false],
      );
      assert.deepEqual(await Promise.all([containerExists(others), volumeExists(theirs.libraries)]), [true, true]);
    } finally {
      await Promise.all([owner, another].map((one) => engine.removeAll(one)));
      rmSync(folder, { recursive: true });
    }
  });
});
