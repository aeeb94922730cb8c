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

/**
 * How a daemon is started: whether containers continue when it ends or is killed, and are taken over by the next
 * daemon.
 */
interface DaemonOptions {
  liveRestore?: boolean;
}

/** A separate Docker engine in a network namespace that has only its loopback, as on a machine without a network. */
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

  /** Whether its containers continue when it is stopped. */
  get liveRestore(): boolean {
    return this.outlived;
  }

  /** The value of `DOCKER_HOST` for this engine. */
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

  /**
   * Ends the daemon with this signal and starts another one with the same data. Resolves when the new daemon answers.
   */
  async restart(signal: 'SIGTERM' | 'SIGKILL', options: DaemonOptions = {}): Promise<void> {
    await this.endDaemon(signal);
    await this.startDaemon(options);
  }

  /** Kills the daemon; {@link restart} starts it again. */
  async kill(): Promise<void> {
    await this.endDaemon('SIGKILL');
  }

  /** Stops the daemon and its containerd until {@link resume}; containers continue. */
  pause(): void {
    this.signal('SIGSTOP');
  }

  resume(): void {
    this.signal('SIGCONT');
  }

  /** Copies images from another engine, including their names. */
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

  /** Ends the engine with all its containers, even if a daemon was killed or does not start again. */
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

  /** The path of the engine's network namespace. */
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
    // A killed daemon leaves these files behind. If another process gets its process id, the next daemon would not
    // start.
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

  /** Ends the containerd shims and their processes, which outlive a daemon. */
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

/** The children of all threads of a process, because each thread has its own. */
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
    return ''; // the process has ended
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // the process has ended
  }
}
