import { randomUUID } from 'node:crypto';
import type { Engine } from '../engine/engine';
import { silentLog, type Log } from '../log';
import { SandboxError } from '../protocol/errors';
import type { SandboxEvent } from '../protocol/messages';
import { ContainerSession } from '../session/session';
import { clampToUser, type SandboxSettings } from '../session/settings';
import type { SandboxSession } from '../session/types';
import {
  KERNEL_TYPE,
  LANGUAGE,
  checkOptions,
  checkRequirements,
  prepare,
  type CheckedOptions,
  type OpenOptions,
} from './open-options';
import { sandboxFileOf } from './sandbox-file';
import { outputOf, type RunOutput } from './run-output';
import { RunRecorder } from './run-recorder';
import type { Run } from './run';

/** Number of ended runs that can be asked for again. */
const MAX_ENDED_RUNS = 100;
/** Approximate number of characters of their outputs. */
const MAX_ENDED_CHARS = 64 * 1024 * 1024;

export interface RunOptions {
  /** pip requirements that are installed before the code runs. */
  libraries?: readonly string[];
  /** Seconds; default and maximum: the setting `timeout`. */
  timeout?: number;
  /** Interrupts the run. */
  signal?: AbortSignal;
  /** Called with each output as it arrives. */
  onOutput?: (output: RunOutput) => void;
}

/**
 * A persistent, offline Python for programs. Its variables stay from run to run; what a run does, its run object says, and no end of a run
 * is an exception of the program. Several runs may be started at once: the sandbox queues them.
 */
export class InteractiveSandboxSession implements AsyncDisposable {
  readonly lang = LANGUAGE;
  readonly kernelType = KERNEL_TYPE;
  readonly #runs: RunRecorder;
  readonly #ends = new Map<string, Promise<void>>();
  readonly #outputListeners = new Map<string, (output: RunOutput) => void>();

  /**
   * Starts a sandbox and waits until it is ready.
   * @throws SandboxError `SettingInvalid` for options that are not allowed; the failures of the engine, of its image and of the start; the
   * failures of installs
   */
  static async open(options: OpenOptions): Promise<InteractiveSandboxSession> {
    const checked = checkOptions(options);
    const { engine, image } = await prepare(checked);
    const session = ContainerSession.start(engine, sessionOptions(checked, image), checked.signal);
    const opened = new InteractiveSandboxSession(
      session,
      options.engine === undefined ? engine : undefined,
      checked.parsed,
      checked.log ?? silentLog,
    );
    try {
      await session.started;
      await opened.#putFiles(checked.files ?? {});
      await opened.install(checked.libraries ?? []);
      return opened;
    } catch (error) {
      await opened.close();
      throw error;
    }
  }

  private constructor(
    private readonly session: SandboxSession,
    /** The engine that this session has connected to and disposes of. */
    private readonly ownEngine: Engine | undefined,
    settings: SandboxSettings,
    private readonly log: Log,
  ) {
    this.settings = settings;
    this.#runs = new RunRecorder(session.id, { maxEndedRuns: MAX_ENDED_RUNS, maxEndedChars: MAX_ENDED_CHARS });
    session.onEvent((event) => this.#receive(event));
  }

  /** The settings with which the sandbox was started. Sizes are in bytes, times in seconds. */
  readonly settings: SandboxSettings;

  /** Id of the sandbox. */
  get id(): string {
    return this.session.id;
  }

  /** Whether the sandbox has ended, so that no run can succeed any more. */
  get isGone(): boolean {
    return ['gone', 'disposed'].includes(this.session.state.kind);
  }

  /**
   * Runs code and waits for its end. Whatever ends it, the run object says so.
   * @throws SandboxError only if `libraries` are not valid or cannot be installed; the code then does not run
   */
  async run(code: string, options: RunOptions = {}): Promise<Run> {
    await this.install(options.libraries ?? []);
    const runId = this.start(code, options);
    await this.#ends.get(runId);
    const run = this.get(runId);
    if (run === undefined) {
      throw new Error(`Run ${runId} was forgotten before it could be read.`); // a fault of this class: it has just ended
    }
    return run;
  }

  /** Starts code and does not wait for it. Returns the `run_id`, with which {@link get} and {@link wait} give the run. */
  start(code: string, { timeout, signal, onOutput }: Omit<RunOptions, 'libraries'> = {}): string {
    const cell = this.session.execute(code, {
      allowStdin: false,
      metadata: { runId: randomUUID() },
      timeout: clampToUser('timeout', timeout, this.settings.timeout),
    });
    const { msgId: runId } = cell;
    this.#runs.begin(runId);
    if (onOutput !== undefined) {
      this.#outputListeners.set(runId, onOutput);
    }
    const interrupt = (): void =>
      void this.interrupt(runId).catch((error: unknown) => {
        this.log.warn(`run ${runId} was not interrupted and may go on to its time limit: ${String(error)}`);
      });
    signal?.addEventListener('abort', interrupt, { once: true });
    if (signal?.aborted === true) {
      interrupt();
    }
    const ended = cell.reply.then((reply) => {
      signal?.removeEventListener('abort', interrupt);
      this.#runs.end(runId, reply);
      this.#outputListeners.delete(runId);
      this.#ends.delete(runId);
    });
    this.#ends.set(runId, ended);
    return runId;
  }

  /** A run as it is now; undefined if there was no such run, or if 100 runs, or runs with much output, have ended since. */
  get(runId: string): Run | undefined {
    return this.#runs.get(runId);
  }

  /** Waits until the run ends, but at most for so many seconds, and gives it as it then is, like {@link get}. */
  async wait(runId: string, seconds: number): Promise<Run | undefined> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, seconds * 1_000);
    });
    await Promise.race([this.#ends.get(runId), late]);
    clearTimeout(timer);
    return this.get(runId);
  }

  /**
   * Interrupts a run, as Ctrl+C would; the third interrupt kills the kernel. A run that has ended stays as it is.
   * @throws SandboxError if the sandbox does not answer in time
   */
  interrupt(runId: string): Promise<void> {
    return this.session.interrupt(runId);
  }

  /** Starts a fresh Python: all variables are gone. `clear` removes the files of the sandbox too. */
  reset({ files = 'keep' }: { files?: 'keep' | 'clear' } = {}): Promise<void> {
    return this.session.reset({ files });
  }

  /**
   * Installs packages from the package index, which code in the sandbox cannot reach itself.
   * @throws SandboxError `SettingInvalid` for a requirement that is not valid, `InstallFailed`, `InstallTooLarge`
   */
  async install(requirements: readonly string[]): Promise<void> {
    checkRequirements(requirements);
    if (requirements.length > 0) {
      await this.session.install(requirements);
    }
  }

  /**
   * Writes a file into the sandbox's home.
   * @param path relative, with `/` between names
   * @throws SandboxError `SettingInvalid` for a path that leads out of the home, `FilesNotCopied`
   */
  writeFile(path: string, content: string | Uint8Array): Promise<void> {
    return this.#putFiles({ [path]: content });
  }

  /** Ends the sandbox with all that is in it. Never rejects, and can be called at any time and repeatedly. */
  async close(): Promise<void> {
    await this.session.dispose();
    this.ownEngine?.dispose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #receive(event: SandboxEvent): void {
    this.#runs.fold(event);
    const listener = this.#outputListeners.get(event.parent_header.msg_id);
    const output = listener === undefined ? undefined : outputOf(event);
    if (output !== undefined) {
      listener?.(output);
    }
  }

  async #putFiles(files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
    const list = Object.entries(files).map(([path, content]) => sandboxFileOf(path, content));
    if (list.length === 0) {
      return;
    }
    const failed = await this.session.putFiles(list);
    for (const [index, reason] of failed) {
      throw new SandboxError('FilesNotCopied', { path: list[index]?.path ?? '', reason });
    }
  }
}

function sessionOptions(options: CheckedOptions, image: string): Parameters<typeof ContainerSession.start>[1] {
  return {
    image,
    owner: options.owner ?? randomUUID(),
    notebookHint: options.name ?? '',
    settings: options.parsed,
    lease: options.leaseSeconds,
    idle: options.parsed.idleTimeout * 60,
    network: options.network,
    ...(options.log && { log: options.log }),
  };
}
