const began = performance.now();

/** Returns the seconds since the script began, as a column. */
export const clock = () => `${((performance.now() - began) / 1000).toFixed(1).padStart(6)}s`;

/**
 * Prints a line about the script's own work. Its time distinguishes it from output of tests and tools.
 * @param {string} line
 */
export function say(line) {
  console.log(`[${clock()}] ${line}`);
}

/**
 * Runs a step of the set-up and prints how long it took, unless it had nothing to do.
 * @template T
 * @param {string} what
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(what, work) {
  const start = performance.now();
  const result = await work();
  const seconds = (performance.now() - start) / 1000;
  if (seconds >= 0.5) {
    say(`${what} (${seconds.toFixed(1)} s)`);
  }
  return result;
}
