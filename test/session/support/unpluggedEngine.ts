import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Readable } from 'node:stream';
import Docker from 'dockerode';

const START_MS = 60_000;
const STOP_MS = 40_000;

/** How a daemon is started: whether what runs stays when it ends or is killed, and is taken over by the next one. */
interface DaemonOptions {
  liveRestore?: boolean;
}

/** A Docker engine of its own, in a network namespace with nothing but its loopback: as on a machine that is unplugged. */
export class UnpluggedEngine {
  readonly docker: Docker;
  private daemon: ChildProcess | undefined;
  private log = '';
  private outlived = false;

  private constructor(private readonly folder: string) {
    this.docker = new Docker({ socketPath: this.socket });
  }

  get socket(): string {
    return join(this.folder, 'docker.sock');
  }

  /** Whether its containers go on when it is asked to end. */
  get liveRestore(): boolean {
    return this.outlived;
  }

  /** What `DOCKER_HOST` would name. */
  get host(): string {
    return `unix://${this.socket}`;
  }

  /** Needs root, and `dockerd` and `unshare` on the PATH. */
  static async start(options: DaemonOptions = {}): Promise<UnpluggedEngine> {
    const engine = new UnpluggedEngine(mkdtempSync(join(tmpdir(), 'unplugged-')));
    try {
      await engine.startDaemon(options);
    } catch (error) {
      await engine.stop();
      throw error;
    }
    return engine;
  }

  /** Ends the daemon by this signal and starts another one over the same data. Resolves when that one answers. */
  async restart(signal: 'SIGTERM' | 'SIGKILL', options: DaemonOptions = {}): Promise<void> {
    await this.endDaemon(signal);
    await this.startDaemon(options);
  }

  /** Ends the daemon without a word; {@link restart} starts it again. */
  async kill(): Promise<void> {
    await this.endDaemon('SIGKILL');
  }

  /** The daemon and its containerd do nothing until {@link resume}; containers run on. */
  pause(): void {
    this.signal('SIGSTOP');
  }

  resume(): void {
    this.signal('SIGCONT');
  }

  /** Brings images from another engine, names included. */
  async load(from: Docker, names: readonly string[]): Promise<void> {
    const archive = await new Promise<Readable>((resolve, reject) => {
      from.modem.dial(
        { path: '/images/get?', method: 'GET', options: { names }, isStream: true, statusCodes: { 200: true } },
        (error, stream) => {
          if (error) {
            reject(error);
          } else {
            resolve(stream as Readable);
          }
        },
      );
    });
    const answer = await this.docker.loadImage(archive);
    await once((answer as Readable).resume(), 'end');
  }

  /** Ends it with all its containers, also where a daemon was killed or does not start again. */
  async stop(): Promise<void> {
    if (this.isRunning) {
      this.resume();
      const containers = await this.docker.listContainers({ all: true }).catch(() => []);
      await Promise.all(
        containers.map(({ Id }) =>
          this.docker
            .getContainer(Id)
            .remove({ force: true })
            .catch(() => undefined),
        ),
      );
      await this.endDaemon('SIGTERM');
    }
    this.endOrphans();
    for (const mount of mountsBelow(this.folder)) {
      spawnSync('umount', ['--lazy', mount]);
    }
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** The network namespace that it has for itself. */
  get networkInterfaces(): string[] {
    return readFileSync(`/proc/${this.daemon?.pid}/net/dev`, 'utf8')
      .split('\n')
      .slice(2)
      .flatMap((line) => line.split(':')[0]?.trim() || []);
  }

  private get isRunning(): boolean {
    return this.daemon !== undefined && this.daemon.exitCode === null && this.daemon.signalCode === null;
  }

  private async startDaemon({ liveRestore = false }: DaemonOptions): Promise<void> {
    this.outlived = liveRestore;
    const at = (name: string): string => join(this.folder, name);
    const daemon = (this.daemon = spawn(
      'unshare',
      [
        '--net',
        '--',
        'dockerd',
        '--data-root',
        at('data'),
        '--exec-root',
        at('exec'),
        '--pidfile',
        at('pid'),
        '--host',
        this.host,
        ...(liveRestore ? ['--live-restore'] : []),
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    ));
    daemon.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.log = (this.log + text).slice(-4_000);
    });
    for (const end = Date.now() + START_MS; !(await this.answers()); await sleep(100)) {
      if (!this.isRunning || Date.now() > end) {
        throw new Error(`the second dockerd did not start:\n${this.log}`);
      }
    }
  }

  private async endDaemon(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const { daemon } = this;
    if (!daemon || !this.isRunning) {
      return;
    }
    const exited = once(daemon, 'exit');
    const containerd = childrenOf(daemon.pid ?? 0);
    daemon.kill(signal);
    const timer = setTimeout(() => daemon.kill('SIGKILL'), STOP_MS);
    await exited;
    clearTimeout(timer);
    for (const pid of containerd) {
      kill(pid, 'SIGKILL');
    }
    // one that is killed leaves them behind; with its number given to another process, the next one would not start
    for (const file of ['pid', 'exec/containerd/containerd.pid']) {
      rmSync(join(this.folder, file), { force: true });
    }
  }

  private signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    if (this.daemon?.pid === undefined || !this.isRunning) {
      return;
    }
    for (const pid of [this.daemon.pid, ...childrenOf(this.daemon.pid)]) {
      kill(pid, signal);
    }
  }

  /** Shims, and what they hold, outlive a daemon. */
  private endOrphans(): void {
    for (const name of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
      if (!textOf(`/proc/${name}/cmdline`).includes(`\0${this.folder}/exec/`)) {
        continue;
      }
      for (const pid of [...childrenOf(Number(name)), Number(name)]) {
        kill(pid, 'SIGKILL');
      }
    }
  }

  private async answers(): Promise<boolean> {
    return this.docker.ping().then(
      () => true,
      () => false,
    );
  }
}

function mountsBelow(folder: string): string[] {
  return textOf('/proc/self/mountinfo')
    .split('\n')
    .flatMap((line) => line.split(' ')[4] ?? [])
    .filter((mount) => mount.startsWith(`${folder}/`))
    .reverse();
}

/** Of all its threads: each has children of its own. */
function childrenOf(pid: number): number[] {
  const threads = existsSync(`/proc/${pid}/task`) ? readdirSync(`/proc/${pid}/task`) : [];
  return threads.flatMap((thread) =>
    textOf(`/proc/${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number),
  );
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return ''; // of a process that has ended
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // it has ended
  }
}
