/**
 * Runs work either with other work at the same time (`shared`: work that needs the engine) or alone (`alone`: work that
 * stops the engine).
 */
export class Turns {
  #shared = new Set<Promise<unknown>>();
  #alone: Promise<unknown> = Promise.resolve();

  async shared<T>(work: () => Promise<T>): Promise<T> {
    for (let before; before !== this.#alone; await before) {
      before = this.#alone;
    }
    const working = work();
    const entry = working
      .catch(() => undefined)
      .finally(() => {
        this.#shared.delete(entry);
      });
    this.#shared.add(entry);
    return working;
  }

  async alone<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#alone;
    const working = before.then(() => Promise.all(this.#shared)).then(work);
    this.#alone = working.catch(() => undefined);
    return working;
  }
}
