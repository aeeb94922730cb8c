const began = performance.now();

/** Seconds since the script began, as a column. */
export const clock = () => `${((performance.now() - began) / 1000).toFixed(1).padStart(6)}s`;

/**
 * A line about the script's own work, told apart from what tests and tools print by its clock.
 * @param {string} line
 */
export function say(line) {
  console.log(`[${clock()}] ${line}`);
}

/**
 * Runs a step of set-up and says how long it took; silent when it took no time (nothing was to do).
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
