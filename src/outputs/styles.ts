/**
 * What a parameter of "select graphic rendition" (ECMA-48, `ESC[…m`) changes: each aspect of a style has the parameters that set it
 * and one that takes it back.
 */
interface Aspect { readonly off: string; readonly isSetBy: (parameter: number) => boolean }

const oneOf = (...parameters: number[]) => (parameter: number): boolean => parameters.includes(parameter);
const between = (parameter: number, first: number, last: number): boolean => parameter >= first && parameter <= last;

const ASPECTS: readonly Aspect[] = [
  { off: '22', isSetBy: oneOf(1) },
  { off: '22', isSetBy: oneOf(2) },
  { off: '23', isSetBy: oneOf(3) },
  { off: '24', isSetBy: oneOf(4, 21) },
  { off: '25', isSetBy: oneOf(5, 6) },
  { off: '27', isSetBy: oneOf(7) },
  { off: '28', isSetBy: oneOf(8) },
  { off: '29', isSetBy: oneOf(9) },
  { off: '55', isSetBy: oneOf(53) },
  { off: '39', isSetBy: (parameter) => between(parameter, 30, 38) || between(parameter, 90, 97) },
  { off: '49', isSetBy: (parameter) => between(parameter, 40, 48) || between(parameter, 100, 107) },
  { off: '59', isSetBy: oneOf(58) },
];

/** Parameters that set a colour and are followed by how it is given: `5;n`, or `2;r;g;b`. */
const EXTENDED_COLOUR = oneOf(38, 48, 58);
/** How many parameters follow, by the first of them. */
const COLOUR_PARAMETERS: Readonly<Partial<Record<string, number>>> = { 5: 2, 2: 4 };

/**
 * Characters of the longest parameter that says something: `38:2::255:255:255`. A longer one is kept by no style: a few bytes that change the
 * style from character to character would repeat it each time.
 */
const LONGEST_VALUE = 17;

/** Styles that are kept apart; further ones look like text without a style. No honest output comes near. */
const MAX_STYLES = 65_536;
/** Answers that are remembered, of each kind. */
const MAX_REMEMBERED = 4_096;

/** Text without a style. */
export const NO_STYLE = 0;

/** A parameter for each aspect, or '' where that is as by default. */
type Style = readonly string[];

/** The styles that the text of one stream has, each by a small whole number, so that every character can have one. */
export class Styles {
  readonly #styles: Style[] = [ASPECTS.map(() => '')];
  readonly #numbers = new Map<string, number>([[this.#styles[NO_STYLE]?.join() ?? '', NO_STYLE]]);
  /** What {@link after} has answered, by style and parameters; {@link between}, by both styles: the same few come again and again. */
  readonly #after = new Map<string, number>();
  readonly #between = new Map<number, string>();

  /** The style of what follows `ESC[<parameters>m`, where `style` was that of the text before. */
  after(style: number, parameters: string): number {
    return remembered(this.#after, `${style} ${parameters}`, () => this.#changed(style, parameters));
  }

  /** The control sequence between text of two styles; '' between equal ones. */
  between(from: number, to: number): string {
    if (from === to) { return ''; }
    return to === NO_STYLE ? '\x1b[0m' : remembered(this.#between, from * MAX_STYLES + to, () => this.#sequence(from, to));
  }

  #changed(style: number, parameters: string): number {
    const next = [...this.#of(style)];
    const list = parameters.split(';');
    for (let at = 0; at < list.length; at += 1) {
      const given = list[at] ?? '';
      const parameter = Number.parseInt(given, 10) || 0;
      if (parameter === 0) {
        next.fill('');
        continue;
      }
      let value = given.includes(':') ? given : String(parameter);
      if (EXTENDED_COLOUR(parameter) && !given.includes(':')) {
        const count = COLOUR_PARAMETERS[list[at + 1] ?? ''] ?? 1;
        value = list.slice(at, at + 1 + count).join(';');
        at += count;
      }
      if (value.length > LONGEST_VALUE) { continue; }
      ASPECTS.forEach(({ off, isSetBy }, aspect) => {
        if (isSetBy(parameter)) { next[aspect] = value; } else if (String(parameter) === off) { next[aspect] = ''; }
      });
    }
    return this.#numberOf(next);
  }

  #sequence(from: number, to: number): string {
    const [old, now] = [this.#of(from), this.#of(to)];
    const changed = ASPECTS.map((_, aspect) => aspect).filter((aspect) => old[aspect] !== now[aspect]);
    const off = new Set(changed.filter((aspect) => old[aspect] !== '').map((aspect) => ASPECTS[aspect]?.off ?? ''));
    // one parameter takes back bold and dim: what shares it with a change is set again
    const on = now.filter((value, aspect) => value !== '' && (changed.includes(aspect) || off.has(ASPECTS[aspect]?.off ?? '')));
    return `\x1b[${[...off, ...on].join(';')}m`;
  }

  #of(style: number): Style { return this.#styles[style] ?? []; }

  #numberOf(style: Style): number {
    const key = style.join();
    const known = this.#numbers.get(key);
    if (known !== undefined) { return known; }
    if (this.#styles.length === MAX_STYLES) { return NO_STYLE; }
    this.#numbers.set(key, this.#styles.length);
    return this.#styles.push(style) - 1;
  }
}

/** What was made for a key before, or is made now. */
function remembered<Key, Value>(known: Map<Key, Value>, key: Key, make: () => Value): Value {
  const before = known.get(key);
  if (before !== undefined) { return before; }
  if (known.size === MAX_REMEMBERED) { known.clear(); }
  const value = make();
  known.set(key, value);
  return value;
}
