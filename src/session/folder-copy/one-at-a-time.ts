import { within } from '../time';

/**
 * Looks at files of the host that may be on a drive which does not answer. A look that is late is given up, but nothing can end it: it
 * holds one of the few threads that Node has for files. So none begins while an earlier one has not come back.
 */
export class OneAtATime {
  #isRunning = false;

  /** @returns undefined: it was not done within `deadline` milliseconds, or an earlier one has not come back */
  async run<T>(work: () => Promise<T>, deadline: number): Promise<T | undefined> {
    if (this.#isRunning) {
      return undefined;
    }
    this.#isRunning = true;
    const looked = work().finally(() => {
      this.#isRunning = false;
    });
    return within(looked, deadline, undefined);
  }
}
