import { ESCAPE, sequenceAt } from './sequences';
import { NO_STYLE, type Styles } from './styles';

/** Characters of a block at most: what a change of one character costs when it is drawn. */
export const MAX_BLOCK = 256;
/** Characters that a block which is changed inside for the first time has room for, at least. */
const FIRST_CAPACITY = 64;
const NO_CELLS = new Uint32Array(0);
const NO_STYLES = new Uint16Array(0);
const SPACE = 0x20;
/** What would make a control sequence or a character with the right text behind it. */
/* eslint-disable-next-line no-control-regex -- a terminal's own */
const OPEN_SEQUENCE = /^\x1b(?:\[[\d:;<=>?]{0,60})?$/;

/** Where blocks are drawn, one after the other: UTF-16 units, and bytes where a unit needs no more. */
let units = new Uint16Array(64 * MAX_BLOCK);
let bytes = Buffer.alloc(units.length);

/**
 * Some characters of a row, next to each other. A block that only grows is a string, as it was written. One that is changed inside
 * becomes characters with a style each, and its text is drawn when it is asked for and kept until the next change.
 */
export class Block {
  /** Undefined: the characters have changed since it was made. */
  #text: string | undefined = '';
  #length = 0;
  /** The style behind the last character while the block is a string. */
  #lastStyle: number;
  /** The block is a string with an end that is to remain text. What is written behind it is not written behind it in the string. */
  #isOpen = false;
  /** Code points, and the style of each. Empty while the block is a string. */
  #characters = NO_CELLS;
  #characterStyles = NO_STYLES;
  /** Characters that were written since the text was made. */
  #changed = 0;

  /** @param style in which the string begins */
  constructor(
    private readonly styles: Styles,
    private readonly style: number,
  ) {
    this.#lastStyle = style;
  }

  /** Characters. */
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

  /** Whether text of this style that is written at the block's end is kept as it is, behind what was written before. */
  isExtendedBy(text: string, style: number): boolean {
    return this.#isString && style === this.#lastStyle && !(this.#isOpen && text.charCodeAt(0) !== ESCAPE);
  }

  /** Adds so many characters of text, for which `isExtendedBy` holds, at the end. */
  append(text: string, characters: number): void {
    this.#text += text;
    this.#length += characters;
    this.#isOpen = isOpenEnd(text);
    // made of one piece at once: the whole row would take long if each of its characters were a piece
    if (this.#length === MAX_BLOCK) {
      this.#text?.charCodeAt(0);
    }
  }

  /** Adds a control sequence, for which `isExtendedBy` holds, at the end. Behind it is another style. */
  appendSequence(sequence: string, style: number): void {
    this.#text += sequence;
    this.#isOpen = false;
    this.#lastStyle = style;
  }

  /** Writes so many characters of text over what is at `at` and behind it. */
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

  /** The writing goes on behind the block. Where most of it is new its text is made now, so that a long row overwritten is not drawn all at once. */
  leave(): void {
    if (this.#changed > MAX_BLOCK / 2) {
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

  /** The text is about to change inside, and needs room for so many characters. */
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

  /** Makes characters with their styles of the string. */
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
    this.#characters = new Uint32Array(Math.min(MAX_BLOCK, Math.max(FIRST_CAPACITY, 2 * room)));
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

/** The beginning of a control sequence, or half a character. */
function isOpenEnd(text: string): boolean {
  return (
    (text.charCodeAt(text.length - 1) & 0xfc00) === 0xd800 ||
    (text.charCodeAt(0) === ESCAPE && OPEN_SEQUENCE.test(text))
  );
}
