/** The first character of a control sequence. */
export const ESCAPE = 0x1b;
const BRACKET = 0x5b;
/** Maximum length of the parameters of a control sequence; a longer one is text. */
const MAX_PARAMETERS_LENGTH = 60;

/** A control sequence (ECMA-48 CSI) in a text; `end` is the index after it. */
export interface Sequence {
  readonly parameters: string;
  readonly command: string;
  readonly end: number;
}

/** The control sequence that begins at `at`: `ESC[`, parameters out of `0–9:;<=>?`, and a final character from `@` to `~`. */
export function sequenceAt(text: string, at: number): Sequence | undefined {
  if (text.charCodeAt(at) !== ESCAPE || text.charCodeAt(at + 1) !== BRACKET) {
    return undefined;
  }
  let place = at + 2;
  for (let code = text.charCodeAt(place); code >= 0x30 && code <= 0x3f; code = text.charCodeAt(place)) {
    place += 1;
  }
  const code = text.charCodeAt(place);
  if (place - at - 2 > MAX_PARAMETERS_LENGTH || !(code >= 0x40 && code <= 0x7e)) {
    return undefined;
  }
  return { parameters: text.slice(at + 2, place), command: text.charAt(place), end: place + 1 };
}
