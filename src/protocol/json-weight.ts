/**
 * Microseconds that `JSON.parse` needs for each part of a text, as measured on a slow machine. Property names cost most if each of them is
 * different: V8 creates another kind of object for every new name.
 */
const COST_US = { newName: 1.5, string: 0.4, knownName: 0.1, container: 0.14, value: 0.04 };
/** Maximum time for one message, which is parsed in one turn of the event loop. */
const MAX_WEIGHT_US = 200_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const [COMMA, BRACKET, BRACE, END_BRACKET, END_BRACE] = [0x2c, 0x5b, 0x7b, 0x5d, 0x7d];

/** Estimates how long a JSON text takes to parse, while its pieces arrive. The estimate itself takes linear time, however the text is cut. */
export class JsonWeight {
  #us = 0;
  /** `#inString`: the text so far ends within a string. `#escaped`: it ends there after an odd number of backslashes. */
  #inString = false;
  #escaped = false;
  readonly #names = new Set<string>();

  /** Whether parsing the text would block the event loop for too long. */
  get isTooHeavy(): boolean {
    return this.#us > MAX_WEIGHT_US;
  }

  /** Adds a piece of the text. Once the text is too heavy, further pieces are ignored. */
  add(piece: string): void {
    if (piece === '') {
      return;
    }
    let at = this.#inString ? this.#endOfString(piece, this.#escaped ? 1 : 0) + 1 : 0;
    if (this.#inString) {
      return;
    }
    for (; at < piece.length && !this.isTooHeavy; at += 1) {
      switch (piece.charCodeAt(at)) {
        case COMMA:
          this.#us += COST_US.value;
          break;
        case BRACKET:
        case BRACE:
          this.#us += COST_US.container;
          break;
        case QUOTE: {
          const end = this.#endOfString(piece, at + 1);
          this.#us += this.#inString ? COST_US.newName : this.#costOf(piece, at, end); // a string that is cut may be a name
          if (this.#inString) {
            return;
          }
          at = end;
        }
      }
    }
  }

  #costOf(piece: string, start: number, end: number): number {
    const behind = piece.charCodeAt(end + 1);
    if (behind === COMMA || behind === END_BRACKET || behind === END_BRACE) {
      return COST_US.string;
    }
    const name = piece.slice(start, end);
    if (this.#names.has(name)) {
      return COST_US.knownName;
    }
    this.#names.add(name);
    return COST_US.newName;
  }

  /** The index of the quote that closes the string, or the length of the piece if the string goes on in the next one. */
  #endOfString(piece: string, from: number): number {
    let start = from;
    for (let quote = piece.indexOf('"', start); quote !== -1; quote = piece.indexOf('"', start)) {
      if (!isEscaped(piece, quote, start)) {
        this.#inString = this.#escaped = false;
        return quote;
      }
      start = quote + 1;
    }
    this.#inString = true;
    this.#escaped = isEscaped(piece, piece.length, start);
    return piece.length;
  }
}

/** Whether an odd number of backslashes is between `from` and `place`, directly before `place`. */
function isEscaped(piece: string, place: number, from: number): boolean {
  let first = place;
  while (first > from && piece.charCodeAt(first - 1) === BACKSLASH) {
    first -= 1;
  }
  return (place - first) % 2 === 1;
}
