import type { Engine, FoundSandbox, SandboxSpecification } from '../engine/engine';
import type { Log } from '../log';
import { removeWithRetries, type RetryPauses } from './removal';
import { freeUid } from './uid';

/** The container of one session and its volume, from the first request that creates or finds them to their removal. */
export class SandboxContainer {
  readonly #ending = new AbortController();
  #id: Promise<string> | undefined;
  #removal: Promise<void> | undefined;

  /** @param sandbox what is to be created, or what is there already */
  constructor(
    private readonly engine: Engine,
    private readonly sandbox: Omit<SandboxSpecification, 'uid'> | FoundSandbox,
    private readonly log: Log,
    private readonly pauses?: RetryPauses,
  ) {}

  /** Its id once it runs, however often it is asked for; rejects with a SandboxError. */
  create(): Promise<string> {
    return (this.#id ??= this.#create());
  }

  /** Its removal was asked for: nothing may be begun with it any more. */
  get ending(): boolean {
    return this.#ending.signal.aborted;
  }

  /** Once, however often it is asked for, and while it is being created too. Never rejects. */
  remove(): Promise<void> {
    this.#ending.abort();
    return (this.#removal ??= this.#remove());
  }

  async #create(): Promise<string> {
    if ('containerId' in this.sandbox) {
      return this.sandbox.containerId;
    }
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
    if (id !== undefined) {
      await this.#insist('container of', () => this.engine.remove(id));
    }
  }

  #insist(what: string, remove: () => Promise<void>): Promise<void> {
    return removeWithRetries(`${what} sandbox ${this.sandbox.sandboxId}`, remove, this.log, this.pauses);
  }
}
