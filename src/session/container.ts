import type { Engine, SandboxSpecification } from '../engine/engine';
import type { Log } from '../log';
import { asSandboxError } from './failures';
import { sleep } from './time';
import { freeUid } from './uid';

/** Pauses before another try to remove, in milliseconds: a container left behind costs memory. */
const REMOVAL_PAUSES = [1_000, 4_000];

/** The container of one session, from the first request that creates it to its removal. */
export class SandboxContainer {
  readonly #ending = new AbortController();
  #id: Promise<string> | undefined;
  #removal: Promise<void> | undefined;

  constructor(private readonly engine: Engine, private readonly specification: Omit<SandboxSpecification, 'uid'>, private readonly log: Log) {}

  /** Its id once it runs; rejects with a SandboxError. */
  create(): Promise<string> { return this.#id ??= this.#create(); }

  /** Its removal was asked for: nothing may be begun with it any more. */
  get ending(): boolean { return this.#ending.signal.aborted; }

  /** Once, however often it is asked for, and while it is being created too. Never rejects. */
  remove(): Promise<void> {
    this.#ending.abort();
    return this.#removal ??= this.#remove();
  }

  async #create(): Promise<string> {
    const uid = freeUid(await this.engine.usedUids());
    return this.engine.create({ ...this.specification, uid }, this.#ending.signal);
  }

  async #remove(): Promise<void> {
    const id = await this.#id?.catch(() => undefined); // its creator is told why
    if (id === undefined) return;
    for (let attempt = 0; ; attempt += 1) {
      try {
        await this.engine.remove(id);
        return;
      } catch (error) {
        this.log.error(`sandbox ${this.specification.sandboxId} not removed: ${asSandboxError(error).message}`);
      }
      const pause = REMOVAL_PAUSES[attempt];
      if (pause === undefined) return;
      await sleep(pause);
    }
  }
}
