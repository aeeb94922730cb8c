/** One request that may be on its way several times at once: the first answer counts, the others are dropped. */
export class Attempts<T> {
  /** Settles with the first answer, or failure, of any attempt. */
  readonly answer: Promise<T>;
  #settle!: { resolve: (value: T) => void; reject: (error: unknown) => void };
  readonly #onTheirWay = new Set<AbortController>();

  /** @param signal drops them all @param send must hand its signal to the engine's client, which then drops the connection */
  constructor(
    private readonly signal: AbortSignal,
    private readonly send: (signal: AbortSignal) => Promise<T>,
  ) {
    this.answer = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.answer.catch(() => undefined); // whoever gave it up does not wait for it
  }

  begin(): void {
    const drop = new AbortController();
    const cancel = (): void => {
      drop.abort();
    };
    this.#onTheirWay.add(drop);
    this.signal.addEventListener('abort', cancel, { once: true });
    const over = (): void => {
      this.signal.removeEventListener('abort', cancel);
      this.#onTheirWay.delete(drop);
      for (const other of this.#onTheirWay) {
        other.abort();
      }
    };
    this.send(drop.signal).then(
      (value) => {
        over();
        this.#settle.resolve(value);
      },
      (error: unknown) => {
        over();
        this.#settle.reject(error);
      },
    );
  }
}
