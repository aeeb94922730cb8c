/** Something the person at the keyboard can mend: shown as its message and next step, without a stack. */
export class Failure extends Error {
  /**
   * @param {string} message what went wrong
   * @param {{ nextStep?: string, cause?: unknown }} [options] `nextStep`: the one command to run, or what to look at
   */
  constructor(message, { nextStep, cause } = {}) {
    super(message, { cause });
    this.name = 'Failure';
    this.nextStep = nextStep;
  }
}

/** Prints an error the way its kind deserves: ours in words, a bug with its stack. */
export function report(error) {
  if (!(error instanceof Failure)) {
    console.error(error);
    return;
  }
  console.error(`\n${error.message}`);
  if (error.nextStep) {
    console.error(`\n    ${error.nextStep}\n`);
  }
}
