/** What `JSON.parse` spends on a part of a text: microseconds, as measured on a slow machine, and bytes of the heap. */
interface Cost { us: number; bytes: number }

/**
 * Names of properties cost most where each is another one: every new name makes the engine another kind of object. Indexes make none, but the first
 * one gives its object a list of its own. A string of up to 10 characters is looked up among all that the engine knows. The characters
 * of strings are not counted: they are as many as the text's own.
 */
const COST = {
  container: { us: 0.25, bytes: 72 }, value: { us: 0.04, bytes: 16 },
  newName: { us: 1.5, bytes: 120 }, knownName: { us: 0.1, bytes: 0 }, firstIndex: { us: 0.4, bytes: 140 }, index: { us: 0.3, bytes: 40 },
  newShortString: { us: 0.4, bytes: 40 }, knownShortString: { us: 0.05, bytes: 0 }, longString: { us: 0.1, bytes: 48 },
} satisfies Record<string, Cost>;
/** For one message: it is read in one turn of the event loop, and held as a whole. A table of 20 MB with a few values in each row is below both. */
const MAX_WEIGHT = { us: 800_000, bytes: 192 * 2 ** 20 } satisfies Cost;
/** Names and short strings that are remembered; what comes after so many counts as new each time. */
const MAX_KNOWN = 100_000;
const SHORT_STRING_CHARS = 10;
/** What the engine keeps as an index, as it does with all of up to nine digits. */
const INDEX = /^"(?:0|[1-9]\d{0,8})$/;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const [COMMA, BRACKET, BRACE, END_BRACKET, END_BRACE] = [0x2c, 0x5b, 0x7b, 0x5d, 0x7d];

/** How long a JSON text would take to parse and how much memory then, told while its pieces come in. Takes linear time itself, and the same for each way of cutting. */
export class JsonWeight {
  readonly #spent: Cost = { us: 0, bytes: 0 };
  /** The text so far ends within a string, and there behind an odd number of backslashes. */
  #inString = false;
  #escaped = false;
  /** An object has begun and nothing in quotes came since. */
  #isFirstName = false;
  readonly #known = new Set<string>();

  /** Reading it would hold up everything else for too long, or take too much memory. */
  get isTooHeavy(): boolean { return this.#spent.us > MAX_WEIGHT.us || this.#spent.bytes > MAX_WEIGHT.bytes; }

  /** Nothing is looked at any more once it is too heavy. */
  add(piece: string): void {
    if (piece === '') return;
    let at = this.#inString ? this.#endOfString(piece, this.#escaped ? 1 : 0) + 1 : 0;
    if (this.#inString) return;
    for (; at < piece.length && !this.isTooHeavy; at += 1) {
      switch (piece.charCodeAt(at)) {
        case COMMA:
          this.#spend(COST.value);
          break;
        case BRACKET: case BRACE:
          this.#isFirstName = piece.charCodeAt(at) === BRACE;
          this.#spend(COST.container);
          break;
        case QUOTE: {
          const end = this.#endOfString(piece, at + 1);
          this.#spend(this.#inString ? COST.newName : this.#costOf(piece, at, end)); // what is cut may be a name
          this.#isFirstName = false;
          if (this.#inString) return;
          at = end;
        }
      }
    }
  }

  #spend({ us, bytes }: Cost): void {
    this.#spent.us += us;
    this.#spent.bytes += bytes;
  }

  #costOf(piece: string, start: number, end: number): Cost {
    const behind = piece.charCodeAt(end + 1);
    const isValue = behind === COMMA || behind === END_BRACKET || behind === END_BRACE;
    if (isValue && end - start - 1 > SHORT_STRING_CHARS) return COST.longString;
    const text = piece.slice(start, end);
    if (!isValue && INDEX.test(text)) return this.#isFirstName ? COST.firstIndex : COST.index;
    if (this.#known.has(text)) return isValue ? COST.knownShortString : COST.knownName;
    if (this.#known.size < MAX_KNOWN) this.#known.add(text);
    return isValue ? COST.newShortString : COST.newName;
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
  while (first > from && piece.charCodeAt(first - 1) === BACKSLASH) first -= 1;
  return (place - first) % 2 === 1;
}
