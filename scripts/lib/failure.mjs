/** An error that the user can fix. It is shown as its message and the next step, without a stack. */
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

/** Prints an error: a {@link Failure} as text, any other error with its stack. */
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
