import type { Engine, FoundSandbox, SandboxSpecification } from '../engine/engine';
import type { Log } from '../log';
import { asSandboxError } from './failures';
import { freeUid } from './uid';

/**
 * Pauses before another try to remove, in milliseconds: a container left behind costs memory. Who waits for the removal waits for the first
 * tries; an engine that is being started again takes longer.
 */
const REMOVAL_PAUSES = { awaited: [1_000, 4_000], later: [5_000, 20_000, 60_000, 300_000] } as const;

/** The container of one session and its volume, from the first request that creates or finds them to their removal. */
export class SandboxContainer {
  readonly #ending = new AbortController();
  #id: Promise<string> | undefined;
  #removal: Promise<void> | undefined;

  /** @param sandbox what is to be created, or what is there already */
  constructor(
    private readonly engine: Engine, private readonly sandbox: Omit<SandboxSpecification, 'uid'> | FoundSandbox, private readonly log: Log,
    private readonly pauses: { awaited: readonly number[]; later: readonly number[] } = REMOVAL_PAUSES,
  ) {}

  /** Its id once it runs, however often it is asked for; rejects with a SandboxError. */
  create(): Promise<string> { return this.#id ??= this.#create(); }

  /** Its removal was asked for: nothing may be begun with it any more. */
  get ending(): boolean { return this.#ending.signal.aborted; }

  /** Once, however often it is asked for, and while it is being created too. Never rejects. */
  remove(): Promise<void> {
    this.#ending.abort();
    return this.#removal ??= this.#remove();
  }

  async #create(): Promise<string> {
    if ('containerId' in this.sandbox) return this.sandbox.containerId;
    const uid = freeUid(await this.engine.usedUids());
    return this.engine.create({ ...this.sandbox, uid }, this.#ending.signal);
  }

  /** The volume, once nothing uses it. Never rejects. */
  async removeLibraries(): Promise<void> {
    await this.remove();
    await this.#insist('libraries of', () => this.engine.removeLibraries(this.sandbox.libraries));
  }

  async #remove(): Promise<void> {
    const id = await this.#id?.catch(() => undefined); // its creator is told why
    if (id !== undefined) await this.#insist('container of', () => this.engine.remove(id));
  }

  /** Resolves when it is done, or when nobody is to wait for it any longer. */
  #insist(what: string, remove: () => Promise<void>): Promise<void> {
    return new Promise((letGo) => { void this.#keepTrying(what, remove, letGo).finally(letGo); });
  }

  async #keepTrying(what: string, remove: () => Promise<void>, letGo: () => void): Promise<void> {
    const { awaited, later } = this.pauses;
    for (const [attempt, pause] of [0, ...awaited, ...later].entries()) {
      const isAwaited = attempt <= awaited.length;
      if (!isAwaited) letGo();
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, pause);
        if (!isAwaited) timer.unref();
      });
      try {
        await remove();
        return;
      } catch (error) {
        this.log.error(`${what} sandbox ${this.sandbox.sandboxId} not removed: ${asSandboxError(error).message}`);
      }
    }
  }
}
