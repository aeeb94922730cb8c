/** The headings over failed tests in the output of Mocha and of pytest. */
const HEADING = /^ *\d+ failing\s*$|^=+ FAILURES =+$/m;
const MAX_CHARS = 6_000;

/**
 * Returns the part of a suite's output about its failed tests, shortened; empty if there is none.
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
