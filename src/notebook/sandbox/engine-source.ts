import { isDeepStrictEqual } from 'node:util';
import type { Engine } from '../../engine/engine';
import { SandboxError, isSandboxError } from '../../protocol/errors';

/** Finds the container engine when it is first needed, and again when it is not there any more or another one has taken its place. */
export class EngineSource {
  #inUse: Engine | undefined;
  #finding: Promise<Engine> | undefined;
  /** Every engine that is or was in use: sessions may still have it. */
  readonly #connected = new Set<Engine>();
  #isDisposed = false;

  constructor(private readonly connect: () => Promise<Engine>) {}

  /** The engine that is there now. Rejects with a SandboxError, `Cancelled` after {@link dispose}. */
  async get(): Promise<Engine> {
    if (this.#isDisposed) {
      throw new SandboxError('Cancelled');
    }
    const engine = this.#inUse;
    if (engine !== undefined && (await this.#isThere(engine))) {
      return engine;
    }
    return (this.#finding ??= this.connect()
      .then((found) => this.#use(found))
      .finally(() => {
        this.#finding = undefined;
      }));
  }

  /** What {@link get} has given some time ago: it may be gone by now, and another one in its place. */
  get known(): Engine | undefined {
    return this.#inUse;
  }

  /** The engine may have been replaced: look again next time. Sessions that have it keep it. */
  forget(): void {
    this.#inUse = undefined;
  }

  dispose(): void {
    this.#isDisposed = true;
    this.#inUse = undefined;
    for (const engine of this.#connected) {
      engine.dispose();
    }
    this.#connected.clear();
  }

  /** False: another engine is to be looked for. Rejects where the engine has trouble that says nothing about which one it is. */
  async #isThere(engine: Engine): Promise<boolean> {
    try {
      if (await engine.isStillThere()) {
        return true;
      }
    } catch (error) {
      if (!isSandboxError(error, 'EngineNotFound')) {
        throw error;
      }
    }
    if (this.#inUse === engine) {
      this.#inUse = undefined;
    }
    return false;
  }

  /** One that was in use before is used again, so that each engine has one object however often it is looked for; the others rest. */
  #use(found: Engine): Engine {
    if (this.#isDisposed) {
      // nobody would close it later
      found.dispose();
      throw new SandboxError('Cancelled');
    }
    const same = [...this.#connected].find(({ info }) => isDeepStrictEqual(info, found.info));
    if (same !== undefined) {
      found.dispose();
    }
    const used = same ?? found;
    this.#connected.add(used);
    for (const other of this.#connected) {
      if (other !== used) {
        other.rest();
      }
    }
    return (this.#inUse = used);
  }
}
