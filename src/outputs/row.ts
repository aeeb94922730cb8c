import { NO_STYLE, type Styles } from './styles';

const NO_CELLS = new Uint32Array(0);
const SPACE = 0x20;
const ESCAPE = 0x1b;
/** Characters of a row that is changed inside for the first time, at least. */
const FIRST_CAPACITY = 64;
/** Characters that are made a string at once. */
const CHARACTERS_AT_ONCE = 4096;
/** The parameters of a control sequence (ECMA-48 CSI), and its final character. Longer ones are text. */
/* eslint-disable no-control-regex -- a terminal's own */
const CONTROL_SEQUENCE = /\x1b\[([\d:;<=>?]{0,60})([@-~])/y;
/** What would make one with the right text behind it: the beginning of a control sequence, half a character. */
const OPEN_END = /(?:^\x1b(?:\[[\d:;<=>?]{0,60})?|[\ud800-\udbff])$/;
/* eslint-enable no-control-regex */
const HIGH_SURROGATE = /[\ud800-\udbff]/;

/**
 * One row of text that a cursor changes. Its columns are characters (code points), of which control sequences are none.
 * A row that only grows is a string, as it was written. A row that is changed inside becomes a gap buffer of characters with their
 * styles, whose gap follows the cursor: each change then costs what it writes and how far the cursor went, not the row's length.
 */
export class Row {
  /** The row's text. Undefined: the characters have changed since it was made. */
  #text: string | undefined = '';
  /** Characters of the text while the row is a string. */
  #length = 0;
  /** The style behind the last character of the row. */
  #lastStyle: number;
  /** The row is a string with such an end. What comes behind it does not belong to it: the cursor has been elsewhere since. */
  #isOpen = false;
  /** The style in which the row below begins; undefined while there is none. */
  #styleBelow: number | undefined;
  /** Code points left of the gap at the beginning, right of it at the end, and the style of each. Empty while the row is a string. */
  #characters = NO_CELLS;
  #characterStyles = NO_CELLS;
  #left = 0;
  #right = 0;
  /** So many characters at the beginning are known to be spaces without a style. */
  #blank = 0;

  /** @param style that of the text before, at which the row begins */
  constructor(private readonly styles: Styles, private readonly style: number) { this.#lastStyle = style; }

  /** Characters. */
  get length(): number { return this.#isString ? this.#length : this.#left + this.#right; }

  /** UTF-16 units of the text; about, while it changes. */
  get units(): number { return this.#text?.length ?? this.length; }

  text(): string {
    const text = this.#text ??= this.#drawn();
    return this.#styleBelow === undefined ? text : text + this.styles.between(this.#isString ? this.#lastStyle : this.#endOfDrawn(), this.#styleBelow);
  }

  /** Whether text of this style that is written at `column` is kept as it is, behind what was written before. */
  isExtendedBy(column: number, text: string, style: number): boolean {
    return this.#isString && column === this.#length && style === this.#lastStyle && !(this.#isOpen && text.charCodeAt(0) !== ESCAPE);
  }

  /** There is a row below now, and its text begins in this style. */
  endIn(style: number): void { this.#styleBelow = style; }

  /** Writes text without control characters and sequences over what is at `column`, which is at most the row's length. Returns the column behind it. */
  write(column: number, text: string, style: number): number {
    if (text === '') { return column; }
    if (this.isExtendedBy(column, text, style)) {
      this.#text += text;
      this.#length += countOf(text);
      this.#isOpen = OPEN_END.test(text);
      return this.#length;
    }
    this.#moveGap(column);
    this.#reserve(text.length);
    const from = this.#left;
    for (let at = 0; at < text.length;) {
      const character = text.codePointAt(at) ?? 0;
      this.#characters[this.#left] = character;
      this.#characterStyles[this.#left] = style;
      this.#left += 1;
      at += character > 0xffff ? 2 : 1;
    }
    this.#right = Math.max(0, this.#right - (this.#left - from));
    this.#blank = Math.min(this.#blank, column);
    return this.#left;
  }

  /** A control sequence at `column` makes `style` of the style `before`. It is kept as it is while the row only grows. */
  writeSequence(column: number, sequence: string, before: number, style: number): void {
    if (this.isExtendedBy(column, sequence, before)) {
      this.#text += sequence;
      this.#isOpen = false;
      this.#lastStyle = style;
    }
  }

  /** Removes the character left of `column`, which is from 1 to the row's length. */
  deleteBefore(column: number): void {
    this.#moveGap(column);
    this.#left -= 1;
    this.#blank = Math.min(this.#blank, this.#left);
  }

  /** Removes what is at `column` and behind. */
  truncate(column: number): void {
    if (column >= this.length) { return; }
    if (column === 0) {
      this.#text = '';
      this.#length = 0;
      this.#lastStyle = this.style;
      this.#isOpen = false;
      this.#characters = this.#characterStyles = NO_CELLS;
      this.#left = this.#right = this.#blank = 0;
      return;
    }
    this.#moveGap(column);
    this.#right = 0;
    this.#blank = Math.min(this.#blank, column);
  }

  /** Puts spaces in the place of everything left of `column`, which is at most the row's length. */
  blankBefore(column: number): void {
    this.#moveGap(column);
    if (column > this.#blank) {
      this.#characters.fill(SPACE, this.#blank, column);
      this.#characterStyles.fill(NO_STYLE, this.#blank, column);
      this.#blank = column;
    }
  }

  get #isString(): boolean { return this.#characters === NO_CELLS; }

  /** Makes `column` the place of the gap. The text is about to change. */
  #moveGap(column: number): void {
    if (this.#isString) { this.#split(); }
    if (column < this.#left) {
      const moved = this.#left - column;
      for (const cells of [this.#characters, this.#characterStyles]) { cells.copyWithin(cells.length - this.#right - moved, column, this.#left); }
      this.#right += moved;
    } else if (column > this.#left) {
      const from = this.#characters.length - this.#right;
      for (const cells of [this.#characters, this.#characterStyles]) { cells.copyWithin(this.#left, from, from + column - this.#left); }
      this.#right -= column - this.#left;
    }
    this.#left = column;
    this.#text = undefined;
  }

  /** Makes characters with their styles of the string. */
  #split(): void {
    const text = this.#text ?? '';
    this.#characters = new Uint32Array(Math.max(FIRST_CAPACITY, 2 * this.#length));
    this.#characterStyles = new Uint32Array(this.#characters.length);
    this.#left = 0;
    let style = this.style;
    for (let at = 0; at < text.length;) {
      const [sequence, parameters = '', command] = sequenceAt(text, at) ?? [];
      if (sequence !== undefined) {
        if (command === 'm') { style = this.styles.after(style, parameters); }
        at += sequence.length;
        continue;
      }
      const character = text.codePointAt(at) ?? 0;
      this.#characters[this.#left] = character;
      this.#characterStyles[this.#left] = style;
      this.#left += 1;
      at += character > 0xffff ? 2 : 1;
    }
  }

  /** Makes the gap at least this wide. */
  #reserve(count: number): void {
    const needed = this.#left + count + this.#right;
    if (needed <= this.#characters.length) { return; }
    const grow = (cells: Uint32Array): Uint32Array<ArrayBuffer> => {
      const grown = new Uint32Array(2 * needed);
      grown.set(cells.subarray(0, this.#left));
      grown.set(cells.subarray(cells.length - this.#right), grown.length - this.#right);
      return grown;
    };
    this.#characters = grow(this.#characters);
    this.#characterStyles = grow(this.#characterStyles);
  }

  #endOfDrawn(): number {
    if (this.#right > 0) { return this.#characterStyles.at(-1) ?? NO_STYLE; }
    return this.#left > 0 ? this.#characterStyles[this.#left - 1] ?? NO_STYLE : this.style;
  }

  #drawn(): string {
    const parts: string[] = [];
    let style = this.style;
    for (const [from, to] of [[0, this.#left], [this.#characters.length - this.#right, this.#characters.length]] as const) {
      for (let at = from; at < to;) {
        const next = this.#characterStyles[at] ?? NO_STYLE;
        let end = at + 1;
        while (end < to && end < at + CHARACTERS_AT_ONCE && this.#characterStyles[end] === next) { end += 1; }
        const text = end === at + 1 ? String.fromCodePoint(this.#characters[at] ?? SPACE) : String.fromCodePoint(...this.#characters.subarray(at, end));
        parts.push(this.styles.between(style, next), text);
        style = next;
        at = end;
      }
    }
    return parts.join('');
  }
}

/** The control sequence that begins at `at`: all of it, its parameters and its final character. */
export function sequenceAt(text: string, at: number): RegExpExecArray | null {
  if (text.charCodeAt(at) !== ESCAPE) { return null; }
  CONTROL_SEQUENCE.lastIndex = at;
  return CONTROL_SEQUENCE.exec(text);
}

/** Characters of a text without control sequences. */
function countOf(text: string): number {
  if (!HIGH_SURROGATE.test(text)) { return text.length; }
  let count = text.length;
  for (let at = 0; at < text.length - 1; at += 1) {
    if ((text.charCodeAt(at) & 0xfc00) === 0xd800 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00) {
      count -= 1;
      at += 1;
    }
  }
  return count;
}
