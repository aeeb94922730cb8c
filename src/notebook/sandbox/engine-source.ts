import { isDeepStrictEqual } from 'node:util';
import type { Engine } from '../../engine/engine';
import { SandboxError, isSandboxError } from '../../protocol/errors';

/**
 * Finds the container engine when it is first needed, and again when it has gone or another engine has taken its
 * place.
 */
export class EngineSource {
  #inUse: Engine | undefined;
  #finding: Promise<Engine> | undefined;
  /** Every engine that is or was in use. Sessions may still use any of them. */
  readonly #connected = new Set<Engine>();
  #isDisposed = false;

  constructor(private readonly connect: () => Promise<Engine>) {}

  /** The engine that is available now. Rejects with a SandboxError, which is `Cancelled` after {@link dispose}. */
  async get(): Promise<Engine> {
    if (this.#isDisposed) {
      throw new SandboxError('Cancelled');
    }
    const engine = this.#inUse;
    if (engine !== undefined && (await this.#isStillThere(engine))) {
      return engine;
    }
    return (this.#finding ??= this.connect()
      .then((found) => this.#use(found))
      .finally(() => {
        this.#finding = undefined;
      }));
  }

  /** The engine that {@link get} returned last. It may have gone or have been replaced since. */
  get lastKnown(): Engine | undefined {
    return this.#inUse;
  }

  /**
   * Makes the next {@link get} look for the engine again, as it may have been replaced. Sessions keep the engine that
   * they have.
   */
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

  /**
   * Returns false if another engine has to be found. Rejects if the engine has a problem that does not tell which
   * engine it is.
   */
  async #isStillThere(engine: Engine): Promise<boolean> {
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

  /**
   * Reuses the object of an engine that was in use before, so that each engine has one object however often it is
   * found. All other engines are set to rest.
   */
  #use(found: Engine): Engine {
    if (this.#isDisposed) {
      // No caller would close the engine later.
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
