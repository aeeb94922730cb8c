import { ESCAPE, sequenceAt } from './sequences';
import { NO_STYLE, type Styles } from './styles';

/** Maximum number of characters of a block, which is the cost of drawing after one character has changed. */
export const MAX_BLOCK_LENGTH = 256;
/** Minimum capacity in characters of a block that is changed inside for the first time. */
const INITIAL_CAPACITY = 64;
const NO_CELLS = new Uint32Array(0);
const NO_STYLES = new Uint16Array(0);
const SPACE = 0x20;
/** The beginning of a control sequence, which further text would complete. */
/* eslint-disable-next-line no-control-regex -- control characters of terminals */
const OPEN_SEQUENCE = /^\x1b(?:\[[\d:;<=>?]{0,60})?$/;

/** Buffers in which blocks are drawn, one block at a time: UTF-16 units, or bytes if no character needs more than a byte. */
let units = new Uint16Array(64 * MAX_BLOCK_LENGTH);
let bytes = Buffer.alloc(units.length);

/**
 * Adjacent characters of a row. A block that only grows is a string, exactly as it was written. A block that is changed inside becomes an
 * array of characters and their styles, and its text is drawn when it is needed and kept until the next change.
 */
export class Block {
  /** The text; undefined if the characters have changed since it was drawn. */
  #text: string | undefined = '';
  #length = 0;
  /** The style after the last character while the block is a string. */
  #lastStyle: number;
  /**
   * Whether the string ends with text that further text would complete to a control sequence or character. Only text that begins with ESC may
   * then be appended to the string.
   */
  #isOpen = false;
  /** The code points and the style of each. Both are empty while the block is a string. */
  #characters = NO_CELLS;
  #characterStyles = NO_STYLES;
  /** The number of characters that were written since the text was drawn. */
  #changed = 0;

  /** @param style the style in which the block begins */
  constructor(
    private readonly styles: Styles,
    private readonly style: number,
  ) {
    this.#lastStyle = style;
  }

  /** The number of characters. */
  get length(): number {
    return this.#length;
  }

  /** The style in which {@link text} begins. */
  get firstStyle(): number {
    return this.#isString ? this.style : (this.#characterStyles[0] ?? this.style);
  }

  /** The style in which {@link text} ends. */
  get lastStyle(): number {
    return this.#isString
      ? this.#lastStyle
      : this.#length > 0
        ? (this.#characterStyles[this.#length - 1] ?? NO_STYLE)
        : this.style;
  }

  text(): string {
    return (this.#text ??= this.#drawn());
  }

  /** Whether text of this style can be appended unchanged at the block's end. */
  isExtendedBy(text: string, style: number): boolean {
    return this.#isString && style === this.#lastStyle && !(this.#isOpen && text.charCodeAt(0) !== ESCAPE);
  }

  /** Appends text for which `isExtendedBy` holds. `characters` is its number of characters. */
  append(text: string, characters: number): void {
    this.#text += text;
    this.#length += characters;
    this.#isOpen = isOpenEnd(text);
    // Joins the pieces of the string now: joining a whole row would take long if each of its characters were a piece.
    if (this.#length === MAX_BLOCK_LENGTH) {
      this.#text?.charCodeAt(0);
    }
  }

  /** Appends a control sequence for which `isExtendedBy` holds. `style` is the style after it. */
  appendSequence(sequence: string, style: number): void {
    this.#text += sequence;
    this.#isOpen = false;
    this.#lastStyle = style;
  }

  /** Overwrites the characters from `at` on with text. `characters` is its number of characters. */
  put(at: number, text: string, characters: number, style: number): void {
    this.#change(Math.max(this.#length, at + characters));
    let place = at;
    for (let from = 0; from < text.length; place += 1) {
      const character = text.codePointAt(from) ?? SPACE;
      this.#characters[place] = character;
      this.#characterStyles[place] = style;
      from += character > 0xffff ? 2 : 1;
    }
    this.#length = Math.max(this.#length, place);
    this.#changed += characters;
  }

  /**
   * Called when writing continues in the next block. If most of this block is new, its text is drawn now, so that the blocks of a long row that
   * is overwritten are not all drawn at the same time.
   */
  leave(): void {
    if (this.#changed > MAX_BLOCK_LENGTH / 2) {
      this.text();
    }
  }

  blank(from: number, to: number): void {
    this.#change(this.#length);
    this.#characters.fill(SPACE, from, to);
    this.#characterStyles.fill(NO_STYLE, from, to);
  }

  remove(at: number): void {
    this.#change(this.#length);
    for (const cells of [this.#characters, this.#characterStyles]) {
      cells.copyWithin(at, at + 1, this.#length);
    }
    this.#length -= 1;
  }

  truncate(length: number): void {
    if (length >= this.#length) {
      return;
    }
    this.#change(this.#length);
    this.#length = length;
  }

  get #isString(): boolean {
    return this.#characters === NO_CELLS;
  }

  /** Prepares a change inside the text, with room for `room` characters. */
  #change(room: number): void {
    if (this.#isString) {
      this.#split(room);
    }
    if (room > this.#characters.length) {
      const [characters, styles] = [this.#characters, this.#characterStyles];
      this.#allocate(room);
      this.#characters.set(characters);
      this.#characterStyles.set(styles);
    }
    this.#text = undefined;
  }

  /** Converts the string to characters and styles. */
  #split(room: number): void {
    const text = this.#text ?? '';
    this.#allocate(room);
    let { style } = this;
    let place = 0;
    for (let at = 0; at < text.length;) {
      const sequence = sequenceAt(text, at);
      if (sequence !== undefined) {
        if (sequence.command === 'm') {
          style = this.styles.after(style, sequence.parameters);
        }
        at = sequence.end;
        continue;
      }
      const character = text.codePointAt(at) ?? SPACE;
      this.#characters[place] = character;
      this.#characterStyles[place] = style;
      place += 1;
      at += character > 0xffff ? 2 : 1;
    }
  }

  #allocate(room: number): void {
    this.#characters = new Uint32Array(Math.min(MAX_BLOCK_LENGTH, Math.max(INITIAL_CAPACITY, 2 * room)));
    this.#characterStyles = new Uint16Array(this.#characters.length);
  }

  #drawn(): string {
    this.#changed = 0;
    let [style, end, widest] = [this.firstStyle, 0, 0];
    for (let place = 0; place < this.#length; place += 1) {
      const next = this.#characterStyles[place] ?? NO_STYLE;
      const sequence = next === style ? '' : this.styles.between(style, next);
      if (end + sequence.length + 2 > units.length) {
        makeRoom();
      }
      for (let at = 0; at < sequence.length; at += 1) {
        units[end++] = sequence.charCodeAt(at);
      }
      style = next;
      const character = this.#characters[place] ?? SPACE;
      widest |= character;
      if (character <= 0xffff) {
        units[end++] = character;
      } else {
        units[end++] = 0xd800 + ((character - 0x10000) >> 10);
        units[end++] = 0xdc00 + (character & 0x3ff);
      }
    }
    if (widest > 0xff) {
      return Buffer.from(units.buffer, 0, 2 * end).toString('utf16le');
    }
    bytes.set(units.subarray(0, end));
    return bytes.toString('latin1', 0, end);
  }
}

function makeRoom(): void {
  const larger = new Uint16Array(2 * units.length);
  larger.set(units);
  units = larger;
  bytes = Buffer.alloc(units.length);
}

/** Whether the text ends with half of a surrogate pair or is the beginning of a control sequence. */
function isOpenEnd(text: string): boolean {
  return (
    (text.charCodeAt(text.length - 1) & 0xfc00) === 0xd800 ||
    (text.charCodeAt(0) === ESCAPE && OPEN_SEQUENCE.test(text))
  );
}
