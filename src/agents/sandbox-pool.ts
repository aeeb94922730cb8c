import type { Engine } from '../engine/engine';
import { silentLog } from '../log';
import { SandboxError } from '../protocol/errors';
import { clampToUser, type RawSettings, type Tightenable } from '../session/settings';
import { InteractiveSandboxSession } from './interactive-sandbox-session';
import { checkOptions, imageRequestOf, type OpenOptions } from './open-options';
import { ReadySandbox } from './ready-sandbox';
import type { Run } from './run';

/** Limits that a caller may set for one sandbox. They can only be stricter than the user's. */
export const TIGHTENABLE_LIMITS = [
  'timeout',
  'maxMemory',
  'cpus',
  'pids',
  'maxOutput',
] as const satisfies Tightenable[];
export type Limits = Partial<Record<(typeof TIGHTENABLE_LIMITS)[number], unknown>>;

export interface PoolOptions {
  /** What all sandboxes have in common. */
  open: Omit<OpenOptions, 'engine' | 'libraries' | 'files' | 'name' | 'signal'>;
  /** Connects to the engine, at the first sandbox. */
  connect: () => Promise<Engine>;
  /** Maximum number of sandboxes at a time, without the one that is kept ready. */
  maxSandboxes: number;
  /** Whether an unused sandbox is kept started for the next caller, provided that the image exists. */
  keepReady: boolean;
}

export interface CreateOptions {
  name?: string;
  libraries?: readonly string[];
  limits?: Limits;
  signal?: AbortSignal;
}

export interface PooledSandbox {
  readonly id: string;
  readonly name: string;
  readonly session: InteractiveSandboxSession;
  /** Milliseconds since 1970. */
  lastUsed: number;
}

/** A caller asked for more sandboxes than it may have. */
export class TooManySandboxes extends Error {
  constructor(readonly max: number) {
    super(`There are ${max} sandboxes already.`);
  }
}

/** The sandboxes of one client. Nobody else can reach them, and all end with the client. */
export class SandboxPool implements AsyncDisposable {
  readonly #sandboxes = new Map<string, PooledSandbox>();
  readonly #starting = new Set<Promise<PooledSandbox>>();
  #engine: Promise<Engine> | undefined;
  #usual: Promise<PooledSandbox> | undefined;
  /** Aborts when the client goes, so that nobody waits for a start or the build of an image. */
  readonly #closing = new AbortController();
  readonly #ready: ReadySandbox;

  constructor(private readonly options: PoolOptions) {
    this.#ready = new ReadySandbox(() => this.#openReady(), options.open.log ?? silentLog);
  }

  /** Starts the sandbox that is kept ready, if one is to be kept. */
  prepare(): void {
    if (this.options.keepReady && !this.#closing.signal.aborted) {
      this.#ready.prepare();
    }
  }

  /**
   * Starts a sandbox.
   * @throws TooManySandboxes; SandboxError like {@link InteractiveSandboxSession.open}
   */
  create(options: CreateOptions = {}): Promise<PooledSandbox> {
    const living = this.list().filter(({ session }) => !session.isGone).length;
    if (living + this.#starting.size >= this.options.maxSandboxes) {
      return Promise.reject(new TooManySandboxes(this.options.maxSandboxes));
    }
    const starting = this.#start(options);
    this.#starting.add(starting);
    return starting.finally(() => this.#starting.delete(starting));
  }

  /** The sandbox that is used where none is named. It is started at the first call, and again after it was deleted or has ended. */
  async usual(): Promise<PooledSandbox> {
    const usual = (this.#usual ??= this.create({ name: 'default' }));
    try {
      const sandbox = await usual;
      if (!sandbox.session.isGone) {
        return sandbox;
      }
      await this.delete(sandbox.id);
    } catch (error) {
      this.#forgetUsual(usual); // the next call tries again
      throw error;
    }
    return this.usual();
  }

  /** A sandbox by its id; undefined if there is none. */
  get(id: string): PooledSandbox | undefined {
    return this.#sandboxes.get(id);
  }

  list(): PooledSandbox[] {
    return [...this.#sandboxes.values()];
  }

  /** The sandbox in which this run was started; undefined if there is none. */
  ofRun(runId: string): { sandbox: PooledSandbox; run: Run } | undefined {
    for (const sandbox of this.#sandboxes.values()) {
      const run = sandbox.session.get(runId);
      if (run !== undefined) {
        return { sandbox, run };
      }
    }
    return undefined;
  }

  /** Ends a sandbox with all that is in it. Resolves to false if there is none with this id. */
  async delete(id: string): Promise<boolean> {
    const sandbox = this.#sandboxes.get(id);
    if (sandbox === undefined) {
      return false;
    }
    this.#sandboxes.delete(id);
    const usual = this.#usual;
    if ((await usual?.catch(() => undefined))?.id === id) {
      this.#forgetUsual(usual);
    }
    await sandbox.session.close();
    return true;
  }

  /** Ends all sandboxes. Never rejects. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#starting);
    await Promise.all([this.#ready.close(), ...this.list().map(({ id }) => this.delete(id))]);
    (await this.#engine?.catch(() => undefined))?.dispose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #start(options: CreateOptions): Promise<PooledSandbox> {
    const { name = '', libraries = [], limits = {} } = options;
    const isUsual = Object.keys(limits).length === 0;
    const session = (isUsual ? await this.#ready.take() : undefined) ?? (await this.#open(options));
    try {
      await session.install(libraries);
    } catch (error) {
      await session.close();
      throw error;
    }
    if (this.#closing.signal.aborted) {
      await session.close();
      throw new SandboxError('Cancelled');
    }
    const sandbox = { id: session.id, name, session, lastUsed: Date.now() };
    this.#sandboxes.set(sandbox.id, sandbox);
    this.#forgetGone();
    return sandbox;
  }

  async #open({ name = '', limits = {}, signal }: CreateOptions): Promise<InteractiveSandboxSession> {
    const settings = tightened(this.options.open.settings ?? {}, limits);
    const engine = await this.#connect();
    return InteractiveSandboxSession.open({
      ...this.options.open,
      settings,
      name,
      engine,
      signal: signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]),
    });
  }

  /** Starts a sandbox that nobody has asked for. Nothing is downloaded or built for it. */
  async #openReady(): Promise<InteractiveSandboxSession | undefined> {
    const engine = await this.#connect();
    const { derived } = await engine.findImages(await imageRequestOf(checkOptions(this.options.open)));
    return derived === null ? undefined : this.#open({});
  }

  /** Forgets sandboxes that have ended, the oldest first, while there are more than a client may have. Until then their runs can be read. */
  #forgetGone(): void {
    for (const { id, session } of this.list()) {
      if (this.#sandboxes.size > this.options.maxSandboxes && session.isGone) {
        this.#sandboxes.delete(id);
      }
    }
  }

  #forgetUsual(usual: Promise<PooledSandbox> | undefined): void {
    if (this.#usual === usual) {
      this.#usual = undefined;
    }
  }

  #connect(): Promise<Engine> {
    if (this.#engine === undefined) {
      const engine = this.options.connect();
      this.#engine = engine;
      engine.catch(() => {
        this.#engine = undefined; // the next call tries again: an engine may be started meanwhile
      });
    }
    return this.#engine;
  }
}

/** The user's settings with limits that are stricter where the caller wants that. @throws SandboxError `SettingInvalid` */
function tightened(settings: RawSettings, limits: Limits): RawSettings {
  const result = { ...settings };
  for (const name of TIGHTENABLE_LIMITS) {
    if (limits[name] !== undefined) {
      result[name] = clampToUser(name, limits[name], settings[name]);
    }
  }
  return result;
}
