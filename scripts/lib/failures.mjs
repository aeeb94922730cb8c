/** Mocha's heading over what failed, and pytest's. */
const HEADING = /^ *\d+ failing\s*$|^=+ FAILURES =+$/m;
const MAX_CHARS = 6_000;

/**
 * What a suite printed of its failed tests, shortened; empty when it printed nothing of the kind.
 * @param {string} printed
 */
export function failuresIn(printed) {
  const at = HEADING.exec(printed)?.index;
  if (at === undefined) {
    return '';
  }
  const text = printed.slice(at).trimEnd();
  return text.length > MAX_CHARS ? `${text.slice(0, MAX_CHARS)}\n… see above` : text;
}
