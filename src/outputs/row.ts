import { Block, MAX_BLOCK_LENGTH } from './block';
import type { Styles } from './styles';

const HIGH_SURROGATE = /[\ud800-\udbff]/;

/**
 * One row of text that a cursor changes. A column is a character (code point); control sequences take no column.
 * A row consists of blocks. The cost of a change is the length of the new text plus the number of blocks that the cursor passed, and only
 * blocks that have changed since the row's text was last drawn are drawn again.
 */
export class Row {
  /** Never empty. All blocks except the last are full until characters are deleted in them. */
  #blocks: Block[];
  #length = 0;
  /** The index of the block that was changed last, and its first column. */
  #index = 0;
  #start = 0;
  /** The row's text without the control sequence that leads to the style of the row below; undefined if it must be drawn again. */
  #text: string | undefined = '';
  /** The number of UTF-16 units that were written, as long as the row only grows. */
  #written: number | undefined = 0;
  /** The style in which the row below begins; undefined if there is no row below. */
  #styleBelow: number | undefined;
  /** The number of characters at the beginning that are known to be spaces without a style. */
  #blank = 0;

  /** @param style the style of the text before the row, in which the row begins */
  constructor(
    private readonly styles: Styles,
    private readonly style: number,
  ) {
    this.#blocks = [new Block(styles, style)];
  }

  /** The number of characters. */
  get length(): number {
    return this.#length;
  }

  /** The number of UTF-16 units of the text, which is approximate while the text changes. */
  get units(): number {
    return this.#text?.length ?? this.#written ?? this.#length;
  }

  text(): string {
    const text = (this.#text ??= this.#drawn());
    return this.#styleBelow === undefined ? text : text + this.styles.between(this.#lastStyle(), this.#styleBelow);
  }

  /** Whether text of this style that is written at `column` can be appended unchanged to the text that was written before. */
  isExtendedBy(column: number, text: string, style: number): boolean {
    return column === this.#length && this.#last.isExtendedBy(text, style);
  }

  /** Called when a row below is added, whose text begins in this style. */
  endIn(style: number): void {
    this.#styleBelow = style;
  }

  /**
   * Overwrites the characters from `column` on with text that has no control characters or sequences. `column` is at most the row's length.
   * Returns the column after the text.
   */
  write(column: number, text: string, style: number): number {
    if (text === '') {
      return column;
    }
    this.#written = column === this.#length && this.#written !== undefined ? this.#written + text.length : undefined;
    this.#blank = Math.min(this.#blank, column);
    this.#text = undefined;
    const isNarrow = !HIGH_SURROGATE.test(text);
    let to = column;
    for (let at = 0; at < text.length;) {
      const offset = this.#seek(to, style);
      const block = this.#at;
      const room = (this.#index === this.#blocks.length - 1 ? MAX_BLOCK_LENGTH : block.length) - offset;
      const end = isNarrow ? Math.min(text.length, at + room) : indexAfter(text, at, room);
      const part = at === 0 && end === text.length ? text : text.slice(at, end);
      const characters = isNarrow ? end - at : charactersIn(part);
      const before = block.length;
      if (offset === before && block.isExtendedBy(part, style)) {
        block.append(part, characters);
      } else {
        block.put(offset, part, characters, style);
      }
      this.#length += block.length - before;
      if (characters === room) {
        block.leave();
      }
      to += characters;
      at = end;
    }
    return to;
  }

  /** Writes a control sequence at `column` that changes the style from `before` to `style`. It is kept unchanged while the row only grows. */
  writeSequence(column: number, sequence: string, before: number, style: number): void {
    if (!this.isExtendedBy(column, sequence, before)) {
      return;
    }
    this.#last.appendSequence(sequence, style);
    if (this.#written !== undefined) {
      this.#written += sequence.length;
    }
    this.#text = undefined;
  }

  /** Removes the character before `column`, which is from 1 to the row's length. */
  deleteBefore(column: number): void {
    const offset = this.#seek(column - 1);
    this.#changedInside(column - 1);
    this.#at.remove(offset);
    this.#length -= 1;
    if (this.#at.length > 0 || this.#blocks.length === 1) {
      return;
    }
    this.#blocks.splice(this.#index, 1);
    if (this.#index < this.#blocks.length) {
      return;
    }
    this.#index -= 1;
    this.#start -= this.#at.length;
  }

  /** Removes the characters from `column` on. */
  truncate(column: number): void {
    if (column >= this.#length) {
      return;
    }
    if (column === 0) {
      this.#blocks = [new Block(this.styles, this.style)];
      this.#length = this.#index = this.#start = this.#blank = this.#written = 0;
      this.#text = '';
      return;
    }
    const offset = this.#seek(column - 1);
    this.#changedInside(column);
    this.#blocks.length = this.#index + 1;
    this.#at.truncate(offset + 1);
    this.#length = column;
  }

  /** Replaces all characters before `column` with spaces. `column` is at most the row's length. */
  blankBefore(column: number): void {
    if (column <= this.#blank) {
      return;
    }
    for (let from = this.#blank; from < column;) {
      const offset = this.#seek(from);
      const count = Math.min(this.#at.length - offset, column - from);
      this.#at.blank(offset, offset + count);
      from += count;
    }
    this.#changedInside(column);
    this.#blank = column;
  }

  get #at(): Block {
    return this.#blocks[this.#index] ?? this.#last;
  }

  get #last(): Block {
    return this.#blocks.at(-1) ?? new Block(this.styles, this.style);
  }

  /** Called when characters were changed inside the row. At most the first `column` characters are still known to be blank. */
  #changedInside(column: number): void {
    this.#written = this.#text = undefined;
    this.#blank = Math.min(this.#blank, column);
  }

  /**
   * Moves to the block that contains `column` and returns the offset in that block. If all blocks are full and a style is given, `column` at the
   * row's end gets a new block.
   */
  #seek(column: number, style?: number): number {
    if (column < this.#start / 2) {
      this.#index = this.#start = 0;
    }
    while (column < this.#start) {
      this.#index -= 1;
      this.#start -= this.#at.length;
    }
    while (this.#index < this.#blocks.length - 1 && column >= this.#start + this.#at.length) {
      this.#start += this.#at.length;
      this.#index += 1;
    }
    if (style !== undefined && column - this.#start === MAX_BLOCK_LENGTH) {
      this.#start += MAX_BLOCK_LENGTH;
      this.#index = this.#blocks.push(new Block(this.styles, style)) - 1;
    }
    return column - this.#start;
  }

  #drawn(): string {
    const parts: string[] = [];
    let { style } = this;
    for (const block of this.#blocks) {
      const text = block.text();
      if (text === '') {
        continue;
      }
      const between = this.styles.between(style, block.firstStyle);
      if (between !== '') {
        parts.push(between);
      }
      parts.push(text);
      style = block.lastStyle;
    }
    return parts.length === 1 ? (parts[0] ?? '') : parts.join('');
  }

  #lastStyle(): number {
    return this.#blocks.findLast((block) => block.text() !== '')?.lastStyle ?? this.style;
  }
}

/** The index after `characters` characters that begin at index `at`. */
function indexAfter(text: string, at: number, characters: number): number {
  let index = at;
  for (let left = characters; left > 0 && index < text.length; left -= 1) {
    index += isPair(text, index) ? 2 : 1;
  }
  return index;
}

function charactersIn(text: string): number {
  let count = 0;
  for (let index = 0; index < text.length; count += 1) {
    index += isPair(text, index) ? 2 : 1;
  }
  return count;
}

const isPair = (text: string, at: number): boolean =>
  (text.charCodeAt(at) & 0xfc00) === 0xd800 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00;
