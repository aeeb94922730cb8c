/** @typedef {{ passed: number, failed: number, skipped: number, failures?: string }} Sum `failures`: what the suite printed of them */

/** @param {Sum} sum */
export const sumLine = ({ passed, failed, skipped }) => `${passed} passed, ${failed} failed, ${skipped} skipped`;

/**
 * The last sum that a suite printed, or undefined when it printed none.
 * @param {string} text
 * @returns {Sum | undefined}
 */
export function lastSum(text) {
  const found = [...text.matchAll(/^(\d+) passed, (\d+) failed, (\d+) skipped\s*$/gm)].at(-1);
  return found && { passed: Number(found[1]), failed: Number(found[2]), skipped: Number(found[3]) };
}

/** @param {readonly Sum[]} sums @returns {Sum} */
export function total(sums) {
  const of = (key) => sums.reduce((count, sum) => count + sum[key], 0);
  return { passed: of('passed'), failed: of('failed'), skipped: of('skipped') };
}
