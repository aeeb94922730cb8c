/** Maximum number of steps for matching one name against all rules. An honest name takes some hundreds; a millisecond has about 100,000. */
export const MAX_MATCH_STEPS = 5_000_000;

/** Thrown if a name cannot be matched within {@link MAX_MATCH_STEPS}. */
export class TooCostly extends Error {
  constructor() {
    super('.gitignore has patterns that take too long to match');
  }
}

type ByteSet = ReadonlySet<number>;
/**
 * One step of a pattern over bytes. `any`: `?`. `star`: any number of bytes except slashes. `deep`: any number of any bytes. `option`: the
 * next two steps, which are `deep` and a slash, may be skipped. `never`: matches nothing.
 */
type Token =
  | { kind: 'byte'; byte: number }
  | { kind: 'class'; bytes: ByteSet }
  | { kind: 'any' | 'star' | 'deep' | 'option' | 'never' };

interface Rule {
  isNegated: boolean;
  /** Applies to folders only. */
  isFolder: boolean;
  /** Is matched against the last part of the path only. */
  isName: boolean;
  /** The literal beginning of the pattern, without special characters. */
  prefix: string;
  /** The steps after the prefix. */
  rest: readonly Token[];
}

const SLASH = 0x2f;
const SPECIAL = /[*?[\\]/;

/**
 * The rules of one `.gitignore` with the meaning that they have in git (gitignore(5), and git's own behaviour where that is silent). As in
 * git, bytes are matched, not characters. The time is bounded by the pattern's length times the name's length and never exponential.
 */
export class GitignoreRules {
  readonly #rules: readonly Rule[];

  constructor(
    content: Buffer,
    private readonly ignoreCase: boolean,
  ) {
    const text = content.toString('latin1').replace(/^\u00ef\u00bb\u00bf/, '');
    this.#rules = text
      .split('\n')
      .flatMap((line) => parseRule(folded(line.replace(/\r$/, ''), ignoreCase), ignoreCase))
      .reverse();
  }

  /**
   * @param path relative to the folder of the `.gitignore`, without a trailing slash
   * @param steps the number of matching steps that are left; counted down
   * @returns undefined if no rule matches
   * @throws TooCostly
   */
  ignores(path: string, isFolder: boolean, steps: { left: number }): boolean | undefined {
    const whole = folded(Buffer.from(path).toString('latin1'), this.ignoreCase);
    const name = whole.slice(whole.lastIndexOf('/') + 1);
    const rule = this.#rules.find(
      (one) => (isFolder || !one.isFolder) && matches(one, one.isName ? name : whole, steps),
    );
    return rule && !rule.isNegated;
  }
}

/** Git ignores the case of ASCII letters only. */
const folded = (text: string, ignoreCase: boolean): string =>
  ignoreCase ? text.replace(/[A-Z]+/g, (upper) => upper.toLowerCase()) : text;

function parseRule(line: string, ignoreCase: boolean): Rule[] {
  if (line.startsWith('#')) {
    return [];
  }
  let pattern = withoutTrailingSpaces(line.split('\0', 1)[0] ?? '');
  const isNegated = pattern.startsWith('!');
  if (isNegated) {
    pattern = pattern.slice(1);
  }
  const isFolder = pattern.endsWith('/');
  if (isFolder) {
    pattern = pattern.slice(0, -1);
  }
  if (pattern === '') {
    return [];
  }
  const isName = !pattern.includes('/');
  if (pattern.startsWith('/')) {
    pattern = pattern.slice(1);
  }
  const special = pattern.search(SPECIAL);
  const prefix = special < 0 ? pattern : pattern.slice(0, special);
  return [{ isNegated, isFolder, isName, prefix, rest: tokensOf(pattern.slice(prefix.length), isName, ignoreCase) }];
}

/** A trailing space after a backslash is kept. */
function withoutTrailingSpaces(line: string): string {
  let end = line.length;
  while (end > 0 && line[end - 1] === ' ') {
    end -= 1;
  }
  let backslashes = 0;
  while (line[end - 1 - backslashes] === '\\') {
    backslashes += 1;
  }
  return line.slice(0, backslashes % 2 === 1 && end < line.length ? end + 1 : end);
}

function tokensOf(pattern: string, isName: boolean, ignoreCase: boolean): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < pattern.length;) {
    const character = pattern.charAt(at);
    if (character === '*') {
      const begin = at;
      while (pattern[at] === '*') {
        at += 1;
      }
      const isAlone =
        (begin === 0 || pattern[begin - 1] === '/') &&
        (at === pattern.length || pattern[at] === '/' || pattern.startsWith('\\/', at));
      if (at - begin === 1 || isName || !isAlone) {
        tokens.push({ kind: 'star' });
      } else {
        tokens.push(
          ...(pattern[at] === '/' ? ([{ kind: 'option' }, { kind: 'deep' }] as const) : ([{ kind: 'deep' }] as const)),
        );
      }
    } else if (character === '?') {
      tokens.push({ kind: 'any' });
      at += 1;
    } else if (character === '[') {
      const found = classAt(pattern, at, ignoreCase);
      tokens.push(found === undefined ? { kind: 'never' } : { kind: 'class', bytes: found.bytes });
      at = found?.end ?? pattern.length;
    } else {
      if (character === '\\') {
        at += 1;
      }
      tokens.push(at < pattern.length ? { kind: 'byte', byte: pattern.charCodeAt(at) } : { kind: 'never' });
      at += 1;
    }
  }
  return tokens;
}

const POSIX_CLASSES: Readonly<Record<string, RegExp>> = {
  alnum: /[a-z\d]/i,
  alpha: /[a-z]/i,
  blank: /[ \t]/,
  // eslint-disable-next-line no-control-regex -- POSIX's own
  cntrl: /[\0-\x1f\x7f]/,
  digit: /\d/,
  graph: /[!-~]/,
  lower: /[a-z]/,
  print: /[ -~]/,
  punct: /[!-/:-@[-`{-~]/,
  space: /[ \t\n\v\f\r]/,
  upper: /[A-Z]/,
  xdigit: /[a-f\d]/i,
};

/** The bytes that a bracket expression matches, and where it ends; undefined if it does not end or has an unknown class name. */
function classAt(pattern: string, start: number, ignoreCase: boolean): { bytes: ByteSet; end: number } | undefined {
  const bytes = new Set<number>();
  let at = start + 1;
  const isNegated = pattern[at] === '!' || pattern[at] === '^';
  if (isNegated) {
    at += 1;
  }
  let before = -1; // the byte with which a range may start
  for (let isFirst = true; isFirst || pattern[at] !== ']'; isFirst = false) {
    if (at >= pattern.length) {
      return undefined;
    }
    if (pattern[at] === '-' && before >= 0 && at + 1 < pattern.length && pattern[at + 1] !== ']') {
      at += pattern[at + 1] === '\\' ? 2 : 1;
      if (at >= pattern.length) {
        return undefined;
      }
      addRange(bytes, before, pattern.charCodeAt(at), ignoreCase);
      before = -1;
    } else if (pattern.startsWith('[:', at)) {
      const end = pattern.indexOf(']', at + 2);
      if (end < 0) {
        return undefined;
      }
      if (end > at + 2 && pattern[end - 1] === ':') {
        const named = POSIX_CLASSES[pattern.slice(at + 2, end - 1)];
        if (named === undefined) {
          return undefined;
        }
        for (let byte = 0; byte < 256; byte += 1) {
          const character = String.fromCharCode(byte);
          if (
            named.test(character) ||
            (ignoreCase && named === POSIX_CLASSES['upper'] && POSIX_CLASSES['lower']?.test(character))
          ) {
            bytes.add(byte);
          }
        }
        at = end;
        before = -1;
      } else {
        bytes.add(pattern.charCodeAt(at));
        before = pattern.charCodeAt(at);
      }
    } else {
      if (pattern[at] === '\\') {
        at += 1;
      }
      if (at >= pattern.length) {
        return undefined;
      }
      before = pattern.charCodeAt(at);
      bytes.add(before);
    }
    at += 1;
  }
  const taken = isNegated
    ? new Set(Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => !bytes.has(byte)))
    : bytes;
  taken.delete(SLASH);
  return { bytes: taken, end: at + 1 };
}

function addRange(bytes: Set<number>, from: number, to: number, ignoreCase: boolean): void {
  for (let byte = from; byte <= to; byte += 1) {
    bytes.add(byte);
    if (ignoreCase && byte >= 0x41 && byte <= 0x5a) {
      bytes.add(byte + 0x20);
    }
  }
}

/** Follows all paths through the pattern at the same time, byte by byte. */
function matches({ prefix, rest }: Rule, text: string, steps: { left: number }): boolean {
  steps.left -= 1;
  if (!text.startsWith(prefix)) {
    return false;
  }
  if (rest.length === 0) {
    return text.length === prefix.length;
  }
  let places: number[] = [];
  const reached = new Int32Array(rest.length + 1).fill(-1);
  steps.left -= rest.length;
  /** @param when position in the text at which the place in the pattern is reached */
  const reach = (into: number[], start: number, when: number): void => {
    const open = [start];
    for (let place = open.pop(); place !== undefined; place = open.pop()) {
      if (place > rest.length || reached[place] === when) {
        continue;
      }
      reached[place] = when;
      into.push(place);
      const kind = rest[place]?.kind;
      if (kind === 'star' || kind === 'deep' || kind === 'option') {
        open.push(place + 1);
      }
      if (kind === 'option') {
        open.push(place + 3);
      }
    }
  };
  reach(places, 0, prefix.length);
  for (let at = prefix.length; at < text.length && places.length > 0; at += 1) {
    const byte = text.charCodeAt(at);
    const next: number[] = [];
    for (const place of places) {
      const token = rest[place];
      if (token === undefined) {
        continue;
      }
      if (token.kind === 'deep' || (token.kind === 'star' && byte !== SLASH)) {
        reach(next, place, at + 1);
      } else if (matchesByte(token, byte)) {
        reach(next, place + 1, at + 1);
      }
    }
    steps.left -= places.length;
    if (steps.left < 0) {
      throw new TooCostly();
    }
    places = next;
  }
  return places.includes(rest.length);
}

function matchesByte(token: Token, byte: number): boolean {
  switch (token.kind) {
    case 'byte':
      return token.byte === byte;
    case 'class':
      return token.bytes.has(byte);
    case 'any':
      return byte !== SLASH;
    case 'star':
    case 'deep':
    case 'option':
    case 'never':
      return false;
  }
}
