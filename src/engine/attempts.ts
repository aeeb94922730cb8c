/** One request that may be sent several times at once. The first answer counts, and the other attempts are dropped. */
export class Attempts<T> {
  /** Settles with the first answer or failure of any attempt. */
  readonly answer: Promise<T>;
  #settle!: { resolve: (value: T) => void; reject: (error: unknown) => void };
  readonly #pending = new Set<AbortController>();

  /**
   * @param signal drops all attempts
   * @param send must pass its signal to the engine's client, which then drops the connection
   */
  constructor(
    private readonly signal: AbortSignal,
    private readonly send: (signal: AbortSignal) => Promise<T>,
  ) {
    this.answer = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.answer.catch(() => undefined); // the caller may no longer wait for it
  }

  begin(): void {
    const drop = new AbortController();
    this.#pending.add(drop);
    const over = (): void => {
      this.#pending.delete(drop);
      for (const other of this.#pending) {
        other.abort();
      }
    };
    this.send(AbortSignal.any([this.signal, drop.signal])).then(
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
