import { Block, MAX_BLOCK } from './block';
import type { Styles } from './styles';

const HIGH_SURROGATE = /[\ud800-\udbff]/;

/**
 * One row of text that a cursor changes. Its columns are characters (code points), of which control sequences are none.
 * It is made of blocks: a change costs what it writes and how many blocks the cursor went past, and only blocks that have changed since
 * the row's text was made last are drawn anew.
 */
export class Row {
  /** Never empty; all but the last one are full until characters are deleted in them. */
  #blocks: Block[];
  #length = 0;
  /** The block that was changed last, and its first column. */
  #index = 0;
  #start = 0;
  /** The row's text, without what leads to the row below. Undefined: it has changed since it was made. */
  #text: string | undefined = '';
  /** UTF-16 units that were written, while the row only grows. */
  #written: number | undefined = 0;
  /** The style in which the row below begins; undefined while there is none. */
  #styleBelow: number | undefined;
  /** So many characters at the beginning are known to be spaces without a style. */
  #blank = 0;

  /** @param style that of the text before, at which the row begins */
  constructor(
    private readonly styles: Styles,
    private readonly style: number,
  ) {
    this.#blocks = [new Block(styles, style)];
  }

  /** Characters. */
  get length(): number {
    return this.#length;
  }

  /** UTF-16 units of the text; about, while it changes. */
  get units(): number {
    return this.#text?.length ?? this.#written ?? this.#length;
  }

  text(): string {
    const text = (this.#text ??= this.#drawn());
    return this.#styleBelow === undefined ? text : text + this.styles.between(this.#lastStyle(), this.#styleBelow);
  }

  /** Whether text of this style that is written at `column` is kept as it is, behind what was written before. */
  isExtendedBy(column: number, text: string, style: number): boolean {
    return column === this.#length && this.#last.isExtendedBy(text, style);
  }

  /** There is a row below now, and its text begins in this style. */
  endIn(style: number): void {
    this.#styleBelow = style;
  }

  /** Writes text without control characters and sequences over what is at `column`, which is at most the row's length. Returns the column behind it. */
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
      const room = (this.#index === this.#blocks.length - 1 ? MAX_BLOCK : block.length) - offset;
      const end = isNarrow ? Math.min(text.length, at + room) : placeAfter(text, at, room);
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

  /** A control sequence at `column` makes `style` of the style `before`. It is kept as it is while the row only grows. */
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

  /** Removes the character left of `column`, which is from 1 to the row's length. */
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

  /** Removes what is at `column` and behind. */
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

  /** Puts spaces in the place of everything left of `column`, which is at most the row's length. */
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

  /** Something is not as it was written any more; the first `column` characters are. */
  #changedInside(column: number): void {
    this.#written = this.#text = undefined;
    this.#blank = Math.min(this.#blank, column);
  }

  /** Goes to the block that `column` is in, and returns where it is there. Behind a row whose blocks are full it begins one, if a style is given. */
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
    if (style !== undefined && column - this.#start === MAX_BLOCK) {
      this.#start += MAX_BLOCK;
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

/** Where so many characters of the text that begin at `at` end. */
function placeAfter(text: string, at: number, characters: number): number {
  let place = at;
  for (let left = characters; left > 0 && place < text.length; left -= 1) {
    place += isPair(text, place) ? 2 : 1;
  }
  return place;
}

function charactersIn(text: string): number {
  let count = 0;
  for (let place = 0; place < text.length; count += 1) {
    place += isPair(text, place) ? 2 : 1;
  }
  return count;
}

const isPair = (text: string, at: number): boolean =>
  (text.charCodeAt(at) & 0xfc00) === 0xd800 && (text.charCodeAt(at + 1) & 0xfc00) === 0xdc00;
