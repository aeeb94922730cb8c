/** Limits how many operations run at the same time. The others start in the order in which they were requested. */
export class Semaphore {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) {
      this.#free -= 1;
    } else {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    }
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift(); // the next operation takes over this place
      if (next === undefined) {
        this.#free += 1;
      } else {
        next();
      }
    }
  }
}
