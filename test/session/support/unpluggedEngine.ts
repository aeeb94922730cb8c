import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Readable } from 'node:stream';
import Docker from 'dockerode';

const START_MS = 60_000;
const STOP_MS = 40_000;

/** A Docker engine of its own, in a network namespace with nothing but its loopback: as on a machine that is unplugged. */
export class UnpluggedEngine {
  private constructor(private readonly folder: string, private readonly daemon: ChildProcess, readonly docker: Docker) {}

  /** What `DOCKER_HOST` would name. */
  get host(): string { return `unix://${join(this.folder, 'docker.sock')}`; }

  /** Needs root, and `dockerd` and `unshare` on the PATH. */
  static async start(): Promise<UnpluggedEngine> {
    const folder = mkdtempSync(join(tmpdir(), 'unplugged-'));
    const at = (name: string): string => join(folder, name);
    const daemon = spawn('unshare', [
      '--net', '--', 'dockerd', '--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('pid'), '--host', `unix://${at('docker.sock')}`,
    ], { stdio: ['ignore', 'ignore', 'pipe'] });
    let log = '';
    daemon.stderr.setEncoding('utf8').on('data', (text: string) => { log = (log + text).slice(-4_000); });
    const engine = new UnpluggedEngine(folder, daemon, new Docker({ socketPath: at('docker.sock') }));
    for (const end = Date.now() + START_MS; !(await engine.answers()); await sleep(100)) {
      if (daemon.exitCode !== null || Date.now() > end) {
        await engine.stop();
        throw new Error(`the second dockerd did not start:\n${log}`);
      }
    }
    return engine;
  }

  /** Brings images from another engine, names included. */
  async load(from: Docker, names: readonly string[]): Promise<void> {
    const archive = await new Promise<Readable>((resolve, reject) => {
      from.modem.dial({ path: '/images/get?', method: 'GET', options: { names }, isStream: true, statusCodes: { 200: true } }, (error, stream) => {
        if (error) reject(error); else resolve(stream as Readable);
      });
    });
    const answer = await this.docker.loadImage(archive);
    await once((answer as Readable).resume(), 'end');
  }

  async stop(): Promise<void> {
    if (this.daemon.exitCode === null && this.daemon.signalCode === null) {
      const exited = once(this.daemon, 'exit');
      this.daemon.kill('SIGTERM');
      const timer = setTimeout(() => this.daemon.kill('SIGKILL'), STOP_MS);
      await exited;
      clearTimeout(timer);
    }
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** The network namespace that it has for itself. */
  get networkInterfaces(): string[] {
    return readFileSync(`/proc/${this.daemon.pid}/net/dev`, 'utf8').split('\n').slice(2).flatMap((line) => line.split(':')[0]?.trim() || []);
  }

  private async answers(): Promise<boolean> {
    return this.docker.ping().then(() => true, () => false);
  }
}
