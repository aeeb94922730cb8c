/**
 * Microseconds that `JSON.parse` takes for a part of a text, as measured on a slow machine. Names of properties cost most where each is
 * another one: every new name makes the engine another kind of object.
 */
const COST_US = { newName: 1.5, string: 0.4, knownName: 0.1, container: 0.14, value: 0.04 };
/** Microseconds for one message: it is read in one turn of the event loop. */
const MAX_WEIGHT_US = 200_000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const [COMMA, BRACKET, BRACE, END_BRACKET, END_BRACE] = [0x2c, 0x5b, 0x7b, 0x5d, 0x7d];

/** How long a JSON text would take to parse, told while its pieces come in. Takes linear time itself, and the same for each way of cutting. */
export class JsonWeight {
  #us = 0;
  /** The text so far ends within a string, and there behind an odd number of backslashes. */
  #inString = false;
  #escaped = false;
  readonly #names = new Set<string>();

  /** Reading it would hold up everything else for too long. */
  get isTooHeavy(): boolean {
    return this.#us > MAX_WEIGHT_US;
  }

  /** Nothing is looked at any more once it is too heavy. */
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
          this.#us += this.#inString ? COST_US.newName : this.#costOf(piece, at, end); // what is cut may be a name
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

  /** Where the string's last quote is; the piece's end where it goes on behind that. */
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

/** Whether an odd number of backslashes stands before this place, and behind `from`. */
function isEscaped(piece: string, place: number, from: number): boolean {
  let first = place;
  while (first > from && piece.charCodeAt(first - 1) === BACKSLASH) {
    first -= 1;
  }
  return (place - first) % 2 === 1;
}
