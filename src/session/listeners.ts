import type { Log } from '../log';

/** Those who want to know; a listener that throws harms neither the others nor the one who tells. */
export class Listeners<T> {
  readonly #listeners = new Set<(value: T) => void>();

  constructor(private readonly log: Log) {}

  add(listener: (value: T) => void): { dispose(): void } {
    const own = (value: T) => {
      listener(value);
    }; // the same function may be added twice
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
