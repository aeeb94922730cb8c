import { within } from '../time';

/**
 * Runs file operations on the host, whose drive may not answer. An operation that misses its deadline is abandoned, but nothing can end it:
 * it blocks one of the few threads that Node has for files. So no operation starts while an earlier one has not returned.
 */
export class OneAtATime {
  #isRunning = false;

  /** @returns undefined if the operation missed the deadline (milliseconds) or an earlier one has not returned */
  async run<T>(work: () => Promise<T>, deadline: number): Promise<T | undefined> {
    if (this.#isRunning) {
      return undefined;
    }
    this.#isRunning = true;
    const result = work().finally(() => {
      this.#isRunning = false;
    });
    return within(result, deadline, undefined);
  }
}
