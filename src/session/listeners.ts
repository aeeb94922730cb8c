import type { Log } from '../log';

/** A set of listeners. One that throws affects neither the other listeners nor the caller of `emit`. */
export class Listeners<T> {
  readonly #listeners = new Set<(value: T) => void>();

  constructor(private readonly log: Log) {}

  add(listener: (value: T) => void): { dispose(): void } {
    const own = (value: T) => {
      listener(value);
    }; // a new function for each call, because the same listener may be added twice
    this.#listeners.add(own);
    return {
      dispose: () => {
        this.#listeners.delete(own);
      },
    };
  }

  emit(value: T): void {
    for (const listener of this.#listeners) {
      try {
        listener(value);
      } catch (error) {
        this.log.error(`a listener failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      }
    }
  }

  clear(): void {
    this.#listeners.clear();
  }
}
