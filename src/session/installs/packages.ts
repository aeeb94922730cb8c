/** Lists of pip requirements as users write them. */

const OPERATOR = /\s*(===?|~=|!=|<=?|>=?)\s*/g;

/** Splits typed or pasted text, such as `six "numpy >= 2, <3"` or `%pip install six`, into requirements. It does not validate them. */
export function splitRequirements(text: string): string[] {
  const words = text.replace(/^\s*[%!]?\s*(?:pip3?|python3?\s+-m\s+pip)\s+install\s/, '').replace(/["']/g, ' ');
  return words
    .replace(OPERATOR, '$1')
    .replace(/\s*,\s*(?=[<>=!~])/g, ',')
    .replace(/\s*\[\s*([^\]]*?)\s*\]/g, (_, extras: string) => `[${extras.replace(/\s+/g, '')}]`)
    .split(/\s+|,(?![^[]*\])(?=\s|$|[A-Za-z0-9])/)
    .filter((word) => word !== '');
}

/**
 * Adds `more` to `requirements`. A requirement for the same package (https://peps.python.org/pep-0503/#normalized-names) replaces the
 * existing one in its place.
 */
export function mergePackages(requirements: readonly string[], more: readonly string[]): string[] {
  const merged = [...requirements];
  for (const requirement of more) {
    const at = merged.findIndex((one) => packageName(one) === packageName(requirement));
    if (at < 0) {
      merged.push(requirement);
    } else {
      merged[at] = requirement;
    }
  }
  return merged;
}

export const packageName = (requirement: string): string =>
  (/^[\w.-]+/.exec(requirement.trim())?.[0] ?? '').toLowerCase().replace(/[-_.]+/g, '-');
