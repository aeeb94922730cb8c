/**
 * An aspect of a style that "select graphic rendition" (ECMA-48, `ESC[…m`) changes. Each aspect has parameters that set it and one that
 * resets it.
 */
interface Aspect {
  readonly off: string;
  readonly isSetBy: (parameter: number) => boolean;
}

const oneOf =
  (...parameters: number[]) =>
  (parameter: number): boolean =>
    parameters.includes(parameter);
const between = (parameter: number, first: number, last: number): boolean => parameter >= first && parameter <= last;

/** Resets both bold and dim. */
const WEIGHT_OFF = '22';
const ASPECTS: readonly Aspect[] = [
  { off: WEIGHT_OFF, isSetBy: oneOf(1) },
  { off: WEIGHT_OFF, isSetBy: oneOf(2) },
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

/** For each parameter, the aspect that it sets and the aspects that it resets. These are tables because a cell may change its style a million times. */
const SET_BY: readonly (number | undefined)[] = Array.from({ length: 108 }, (_, parameter) => {
  const aspect = ASPECTS.findIndex(({ isSetBy }) => isSetBy(parameter));
  return aspect === -1 ? undefined : aspect;
});
const RESET_BY: readonly (readonly number[])[] = Array.from({ length: 108 }, (_, parameter) =>
  ASPECTS.flatMap(({ off }, aspect) => (String(parameter) === off ? [aspect] : [])),
);

/** Parameters that set a colour and are followed by `5;n` or `2;r;g;b`. */
const EXTENDED_COLOUR = oneOf(38, 48, 58);
/** The number of parameters that follow, by the first of them. */
const COLOUR_PARAMETERS: Readonly<Partial<Record<string, number>>> = { 5: 2, 2: 4 };

/**
 * Maximum length of a parameter, that of `38:2::255:255:255`. A longer parameter is ignored, because a few bytes that change the style with
 * each character would repeat it each time.
 */
const MAX_PARAMETER_LENGTH = 17;

/** Maximum number of different styles, so that 16 bits hold one. Further styles look like text without a style. No honest output has as many. */
const MAX_STYLES = 65_536;
/** Size of each cache, a power of two. */
const CACHE_SIZE = 4_096;

/** Text without a style. */
export const NO_STYLE = 0;

/** The parameter of each aspect, '' for its default. */
type Style = readonly string[];

/** The styles of the text of one stream. Each has a small integer, so that it can be stored for every character. */
export class Styles {
  readonly #styles: Style[] = [ASPECTS.map(() => '')];
  readonly #numbers = new Map<string, number>([[this.#styles[NO_STYLE]?.join() ?? '', NO_STYLE]]);
  /** Caches of {@link after} by style and parameters, and of {@link between} by both styles, because the same few are used again and again. */
  readonly #after = new Cache<string, number>();
  readonly #between = new Cache<number, string>();

  /** The style after `ESC[<parameters>m`, if `style` is the style before it. */
  after(style: number, parameters: string): number {
    const hash = hashOf(parameters);
    return (
      this.#after.get(style, parameters, hash) ??
      this.#after.set(style, parameters, hash, this.#changed(style, parameters))
    );
  }

  /** The control sequence that changes one style to another; '' if both are equal. */
  between(from: number, to: number): string {
    if (from === to) {
      return '';
    }
    return to === NO_STYLE
      ? '\x1b[0m'
      : (this.#between.get(from, to, to) ?? this.#between.set(from, to, to, this.#sequence(from, to)));
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
      if (value.length > MAX_PARAMETER_LENGTH) {
        continue;
      }
      const aspect = SET_BY[parameter];
      if (aspect !== undefined) {
        next[aspect] = value;
      }
      for (const reset of RESET_BY[parameter] ?? []) {
        next[reset] = '';
      }
    }
    return this.#numberOf(next);
  }

  /** Uses loops and no lists, because a cell may make a new pair of styles with each character. */
  #sequence(from: number, to: number): string {
    const [old, now] = [this.#of(from), this.#of(to)];
    let parameters = '';
    for (let aspect = 0, lastOff = ''; aspect < ASPECTS.length; aspect += 1) {
      const off = ASPECTS[aspect]?.off ?? '';
      if (old[aspect] === now[aspect] || old[aspect] === '' || off === lastOff) {
        continue;
      }
      lastOff = off;
      parameters += `;${off}`;
    }
    // One parameter resets both bold and dim, so that the one that stays is set again.
    const isWeightSetAgain = parameters.startsWith(WEIGHT_OFF, 1);
    for (let aspect = 0; aspect < ASPECTS.length; aspect += 1) {
      const value = now[aspect] ?? '';
      if (value !== '' && (value !== old[aspect] || (isWeightSetAgain && ASPECTS[aspect]?.off === WEIGHT_OFF))) {
        parameters += `;${value}`;
      }
    }
    return `\x1b[${parameters.slice(1)}m`;
  }

  #of(style: number): Style {
    return this.#styles[style] ?? [];
  }

  #numberOf(style: Style): number {
    const key = style.join();
    const known = this.#numbers.get(key);
    if (known !== undefined) {
      return known;
    }
    if (this.#styles.length === MAX_STYLES) {
      return NO_STYLE;
    }
    this.#numbers.set(key, this.#styles.length);
    return this.#styles.push(style) - 1;
  }
}

/** A cache by a style and another key. Each entry has one slot, in which a later entry with the same slot replaces it. */
class Cache<Key, Value> {
  readonly #entries = new Map<number, { style: number; key: Key; value: Value }>();

  get(style: number, key: Key, hash: number): Value | undefined {
    const entry = this.#entries.get(slotOf(style, hash));
    return entry !== undefined && entry.style === style && entry.key === key ? entry.value : undefined;
  }

  set(style: number, key: Key, hash: number, value: Value): Value {
    this.#entries.set(slotOf(style, hash), { style, key, value });
    return value;
  }
}

const slotOf = (style: number, hash: number): number => (Math.imul(style, 31) + hash) & (CACHE_SIZE - 1);

function hashOf(text: string): number {
  let hash = 0;
  for (let at = 0; at < text.length; at += 1) {
    hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0;
  }
  return hash;
}
