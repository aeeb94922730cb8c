/**
 * What a parameter of "select graphic rendition" (ECMA-48, `ESC[…m`) changes: each aspect of a style has the parameters that set it
 * and one that takes it back.
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

/** Takes back both bold and dim. */
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

/** By parameter: the aspect that it sets, and those that it takes back. Tables, as a cell may change its style a million times. */
const SET_BY: readonly (number | undefined)[] = Array.from({ length: 108 }, (_, parameter) => {
  const aspect = ASPECTS.findIndex(({ isSetBy }) => isSetBy(parameter));
  return aspect === -1 ? undefined : aspect;
});
const TAKEN_BACK_BY: readonly (readonly number[])[] = Array.from({ length: 108 }, (_, parameter) =>
  ASPECTS.flatMap(({ off }, aspect) => (String(parameter) === off ? [aspect] : [])),
);

/** Parameters that set a colour and are followed by how it is given: `5;n`, or `2;r;g;b`. */
const EXTENDED_COLOUR = oneOf(38, 48, 58);
/** How many parameters follow, by the first of them. */
const COLOUR_PARAMETERS: Readonly<Partial<Record<string, number>>> = { 5: 2, 2: 4 };

/**
 * Characters of the longest parameter that says something: `38:2::255:255:255`. A longer one is kept by no style: a few bytes that change the
 * style from character to character would repeat it each time.
 */
const LONGEST_VALUE = 17;

/** Styles that are kept apart, so that 16 bits hold one; further ones look like text without a style. No honest output comes near. */
const MAX_STYLES = 65_536;
/** Answers that are remembered, of each kind: a power of two. */
const MAX_REMEMBERED = 4_096;

/** Text without a style. */
export const NO_STYLE = 0;

/** A parameter for each aspect, or '' where that is as by default. */
type Style = readonly string[];

/** The styles that the text of one stream has, each by a small whole number, so that every character can have one. */
export class Styles {
  readonly #styles: Style[] = [ASPECTS.map(() => '')];
  readonly #numbers = new Map<string, number>([[this.#styles[NO_STYLE]?.join() ?? '', NO_STYLE]]);
  /** What {@link after} has answered, by parameters and style; {@link between}, by both styles: the same few come again and again. */
  readonly #after = new Answers<string, number>();
  readonly #between = new Answers<number, string>();

  /** The style of what follows `ESC[<parameters>m`, where `style` was that of the text before. */
  after(style: number, parameters: string): number {
    const hash = hashOf(parameters);
    return (
      this.#after.get(style, parameters, hash) ??
      this.#after.set(style, parameters, hash, this.#changed(style, parameters))
    );
  }

  /** The control sequence between text of two styles; '' between equal ones. */
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
      if (value.length > LONGEST_VALUE) {
        continue;
      }
      const aspect = SET_BY[parameter];
      if (aspect !== undefined) {
        next[aspect] = value;
      }
      for (const takenBack of TAKEN_BACK_BY[parameter] ?? []) {
        next[takenBack] = '';
      }
    }
    return this.#numberOf(next);
  }

  /** Loops and no lists, as a cell may make ever new pairs of styles, a character each. */
  #sequence(from: number, to: number): string {
    const [old, now] = [this.#of(from), this.#of(to)];
    let parameters = '';
    for (let aspect = 0, takenBack = ''; aspect < ASPECTS.length; aspect += 1) {
      const off = ASPECTS[aspect]?.off ?? '';
      if (old[aspect] === now[aspect] || old[aspect] === '' || off === takenBack) {
        continue;
      }
      takenBack = off;
      parameters += `;${off}`;
    }
    // one parameter takes back bold and dim: what shares it with a change is set again
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

/** Answers to questions about a style and something else. Each has one place, where the next answer whose place that is takes its place. */
class Answers<Key, Answer> {
  readonly #known = new Map<number, { style: number; key: Key; answer: Answer }>();

  get(style: number, key: Key, hash: number): Answer | undefined {
    const known = this.#known.get(placeOf(style, hash));
    return known !== undefined && known.style === style && known.key === key ? known.answer : undefined;
  }

  set(style: number, key: Key, hash: number, answer: Answer): Answer {
    this.#known.set(placeOf(style, hash), { style, key, answer });
    return answer;
  }
}

const placeOf = (style: number, hash: number): number => (Math.imul(style, 31) + hash) & (MAX_REMEMBERED - 1);

function hashOf(text: string): number {
  let hash = 0;
  for (let at = 0; at < text.length; at += 1) {
    hash = (Math.imul(hash, 31) + text.charCodeAt(at)) | 0;
  }
  return hash;
}
