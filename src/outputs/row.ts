const NO_UNITS = new Uint16Array(0);
const SPACE = 0x20;
/** UTF-16 units of a row that is changed inside for the first time, at least. */
const FIRST_CAPACITY = 64;
const BYTES_PER_UNIT = 2;

/**
 * One row of text that a cursor changes. A row that only grows is a string. A row that is changed inside becomes a gap buffer of
 * UTF-16 units, whose gap follows the cursor: each change then costs what it writes and how far the cursor went, not the row's length.
 */
export class Row {
  /** The row's text. Undefined: the units have changed since it was made. */
  #text: string | undefined = '';
  /** Units left of the gap at the beginning, units right of it at the end. Empty while the row is a string. */
  #units = NO_UNITS;
  #left = 0;
  #right = 0;
  /** So many units at the beginning are known to be spaces. */
  #blank = 0;

  /** UTF-16 units. */
  get length(): number { return this.#isString ? this.text().length : this.#left + this.#right; }

  text(): string { return this.#text ??= this.#unitsAsText(0, this.#left) + this.#unitsAsText(this.#units.length - this.#right, this.#units.length); }

  /** Writes `source[from, to)` over what is at `column`, which is at most the row's length. */
  write(column: number, source: string, from: number, to: number): void {
    if (from === to) { return; }
    if (this.#isString && column === this.length) {
      this.#text += source.slice(from, to);
      return;
    }
    const count = to - from;
    this.#moveGap(column);
    this.#right = Math.max(0, this.#right - count);
    this.#reserve(count);
    for (let at = 0; at < count; at += 1) { this.#units[this.#left + at] = source.charCodeAt(from + at); }
    this.#left += count;
    this.#blank = Math.min(this.#blank, column);
  }

  /** Removes the unit left of `column`, which is from 1 to the row's length. */
  deleteBefore(column: number): void {
    this.#moveGap(column);
    this.#left -= 1;
    this.#blank = Math.min(this.#blank, this.#left);
  }

  /** Removes what is at `column` and behind. */
  truncate(column: number): void {
    if (column >= this.length) { return; }
    if (this.#isString || column === 0) {
      this.#text = this.text().slice(0, column);
      this.#units = NO_UNITS;
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
      this.#units.fill(SPACE, this.#blank, column);
      this.#blank = column;
    }
  }

  get #isString(): boolean { return this.#units === NO_UNITS; }

  /** Makes `column` the place of the gap. The text is about to change. */
  #moveGap(column: number): void {
    if (this.#isString) {
      const text = this.text();
      this.#units = new Uint16Array(Math.max(FIRST_CAPACITY, 2 * text.length));
      Buffer.from(this.#units.buffer).write(text, 'utf16le');
      this.#left = text.length;
    }
    const units = this.#units;
    if (column < this.#left) {
      const moved = this.#left - column;
      units.copyWithin(units.length - this.#right - moved, column, this.#left);
      this.#right += moved;
    } else if (column > this.#left) {
      const from = units.length - this.#right;
      units.copyWithin(this.#left, from, from + column - this.#left);
      this.#right -= column - this.#left;
    }
    this.#left = column;
    this.#text = undefined;
  }

  /** Makes the gap at least this wide. */
  #reserve(count: number): void {
    const needed = this.#left + count + this.#right;
    if (needed <= this.#units.length) { return; }
    const grown = new Uint16Array(2 * needed);
    grown.set(this.#units.subarray(0, this.#left));
    grown.set(this.#units.subarray(this.#units.length - this.#right), grown.length - this.#right);
    this.#units = grown;
  }

  #unitsAsText(from: number, to: number): string {
    return Buffer.from(this.#units.buffer, from * BYTES_PER_UNIT, (to - from) * BYTES_PER_UNIT).toString('utf16le');
  }
}
