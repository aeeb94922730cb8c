import { Row } from './row';
import { ESCAPE, sequenceAt } from './sequences';
import { NO_STYLE, Styles } from './styles';

/** What to do to the text shown so far. An appended text may begin with one `\r`, which overwrites the last line: see `canOverwrite`. */
export type TextChange = { kind: 'append'; text: string } | { kind: 'replace'; text: string };

/** What somebody shows of a stream: the text of its rows, and how many characters were above them. */
export interface TextMark {
  readonly settled: number;
  readonly rows: readonly string[];
}

/** Nested progress bars are a few rows high. */
const REACHABLE_ROWS = 64;
/** Spaces that may be put before text beyond the end of a row, in all, beside as many as characters were written. */
const FREE_PADDING = 10_000;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BACKSPACE = 0x08;
/* eslint-disable no-control-regex -- a terminal's own */
const CONTROL = /[\r\b]|\x1b\[\d{0,4}[ABK]/;
const STYLE_SEQUENCES = /\x1b\[([\d:;<=>?]{0,60})m/g;
/** A control sequence, or a character of two UTF-16 units, that the next chunk may complete. */
const UNFINISHED = /(?:\x1b(?:\[[\d:;<=>?]{0,60})?|[\ud800-\udbff])$/;
/* eslint-enable no-control-regex */
const LONGEST_UNFINISHED = 62;

/**
 * The text of one stream output as a terminal would show it: `\r`, `\b`, cursor up and down (`ESC[A`, `ESC[B`) and erase line
 * (`ESC[K`) are obeyed, so that progress bars stay one line; each character keeps the style (`ESC[…m`) in which it was written. Other
 * control sequences take no column. The result depends on the characters alone, never on where the stream was cut into chunks. Time
 * and memory are linear in the characters that were written, whatever they are.
 */
export class StreamText {
  /** Rows that the cursor cannot reach any more, each with its line feed, in pieces that end where a mark was made. */
  #pieces: { text: string; end: number }[] = [];
  /** Those behind the last piece. */
  #recent = '';
  readonly #styles = new Styles();
  /** The last rows; never empty. */
  #rows = [new Row(this.#styles, NO_STYLE)];
  /** Cursor, and the style of what is written there. */
  #row = 0;
  #column = 0;
  #style = NO_STYLE;
  /** What the next chunk may complete; not shown. */
  #held = '';
  /** Spaces that may still be put before text beyond the end of a row: else a few bytes would make a row of spaces, again and again. */
  #padding = FREE_PADDING;

  constructor(text = '') {
    this.write(text);
  }

  /** UTF-16 units that are shown, about. */
  get length(): number {
    return this.#rows.reduce((sum, row) => sum + row.units + 1, this.#settled - 1);
  }

  write(chunk: string): void {
    let text = this.#held + chunk;
    this.#held = UNFINISHED.exec(text.slice(-LONGEST_UNFINISHED))?.[0] ?? '';
    if (this.#held !== '') {
      text = text.slice(0, -this.#held.length);
    }
    const isAtEnd = this.#row === this.#rows.length - 1 && this.#at.isExtendedBy(this.#column, text, this.#style);
    if (isAtEnd && !CONTROL.test(text)) {
      this.#append(text);
    } else {
      this.#draw(text);
    }
  }

  text(): string {
    return this.#textFrom(0);
  }

  /** The last `characters` at most. */
  tail(characters: number): string {
    const rows = this.#rowsText();
    return rows.length >= characters
      ? rows.slice(rows.length - characters)
      : this.#textFrom(Math.max(0, this.#settled + rows.length - characters));
  }

  /** Keeps the last `characters` at most. No mark that was made before is of use then. */
  shorten(characters: number): void {
    const kept = this.tail(characters);
    this.#pieces = [];
    this.#recent = '';
    this.#startRows(NO_STYLE);
    this.#append(kept);
  }

  /** For `changeSince`, by whoever shows the text from now on. */
  mark(): TextMark {
    if (this.#recent !== '') {
      this.#pieces.push({ text: this.#recent, end: this.#settled });
      this.#recent = '';
    }
    return { settled: this.#settled, rows: this.#rows.map((row) => row.text()) };
  }

  /** What makes the text now of the text at the mark. */
  changeSince({ settled, rows }: TextMark): TextChange {
    const shown = rows.join('\n');
    const now = this.#textFrom(settled);
    if (now.startsWith(shown)) {
      return { kind: 'append', text: now.slice(shown.length) };
    }
    const above = shown.slice(0, shown.lastIndexOf('\n') + 1);
    const rest = now.slice(above.length);
    return now.startsWith(above) && canOverwrite(rows.at(-1) ?? '', firstLine(rest))
      ? { kind: 'append', text: `\r${rest}` }
      : { kind: 'replace', text: this.text() };
  }

  get #settled(): number {
    return (this.#pieces.at(-1)?.end ?? 0) + this.#recent.length;
  }

  /** The row that the cursor is in. */
  get #at(): Row {
    return this.#rows[this.#row] ?? new Row(this.#styles, NO_STYLE);
  }

  #rowsText(): string {
    return this.#rows.map((row) => row.text()).join('\n');
  }

  /** From this character on. */
  #textFrom(start: number): string {
    const parts = [this.#rowsText(), this.#recent];
    let end = this.#settled - this.#recent.length;
    if (start > end) {
      parts[1] = this.#recent.slice(start - end);
    }
    for (let at = this.#pieces.length - 1; at >= 0 && start < end; at -= 1) {
      const text = this.#pieces[at]?.text ?? '';
      end -= text.length;
      parts.push(text.slice(Math.max(0, start - end)));
    }
    return parts.reverse().join('');
  }

  /** Text without anything to obey but line feeds, behind all that there is. */
  #append(text: string): void {
    let reachable = text.length; // the line feed before the rows that stay in reach
    for (let rows = 0; rows < REACHABLE_ROWS && reachable >= 0; rows += 1) {
      reachable = reachable === 0 ? -1 : text.lastIndexOf('\n', reachable - 1);
    }
    if (reachable >= 0) {
      const above = text.slice(0, reachable + 1);
      this.#recent += `${this.#rowsText()}${above}`;
      this.#startRows(this.#styleAfter(above));
      this.#padding += above.length;
    }
    const [first = '', ...more] = text.slice(reachable + 1).split('\n');
    this.#draw(first);
    for (const line of more) {
      this.#newLine();
      this.#draw(line);
    }
  }

  #startRows(style: number): void {
    this.#rows = [new Row(this.#styles, style)];
    this.#row = this.#column = 0;
    this.#style = style;
  }

  #styleAfter(text: string): number {
    let style = this.#style;
    for (const [, parameters = ''] of text.includes('\x1b') ? text.matchAll(STYLE_SEQUENCES) : []) {
      style = this.#styles.after(style, parameters);
    }
    return style;
  }

  #draw(text: string): void {
    for (let at = 0; at < text.length;) {
      switch (text.charCodeAt(at)) {
        case CARRIAGE_RETURN:
          this.#column = 0;
          at += 1;
          break;
        case LINE_FEED:
          this.#newLine();
          at += 1;
          break;
        case BACKSPACE: // deletes, as in Jupyter's front ends
          if (this.#column > 0) {
            if (this.#column <= this.#at.length) {
              this.#at.deleteBefore(this.#column);
            }
            this.#column -= 1;
          }
          at += 1;
          break;
        default:
          at = this.#obey(text, at) ?? this.#overwrite(text, at);
      }
    }
  }

  /** Obeys the control sequence that begins at `at`, and returns where it ends; undefined: none begins there. */
  #obey(text: string, at: number): number | undefined {
    const sequence = sequenceAt(text, at);
    if (sequence === undefined) {
      return undefined;
    }
    const { parameters, command, end } = sequence;
    const isOurs = command !== 'm' && /^\d{0,4}$/.test(parameters);
    if (command === 'A' && isOurs) {
      // never above what was reachable for certain, wherever the stream was cut
      this.#row = Math.max(this.#row - Number(parameters || 1), 0, this.#rows.length - REACHABLE_ROWS);
    } else if (command === 'B' && isOurs) {
      this.#row = Math.min(this.#row + Number(parameters || 1), this.#rows.length - 1);
    } else if (command === 'K' && isOurs) {
      this.#erase(parameters);
    } else {
      const style = command === 'm' ? this.#styles.after(this.#style, parameters) : this.#style;
      this.#at.writeSequence(this.#column, text.slice(at, end), this.#style, style);
      this.#style = style;
    }
    return end;
  }

  #erase(what: string): void {
    if (what === '2') {
      this.#at.truncate(0);
    } else if (what === '1') {
      this.#pad();
      this.#at.blankBefore(this.#column);
    } else {
      this.#at.truncate(this.#column);
    }
  }

  /** Writes the text that begins at `at`, up to the next control character, and returns where that is. */
  #overwrite(text: string, at: number): number {
    let end = at + 1;
    while (end < text.length && !isControl(text.charCodeAt(end))) {
      end += 1;
    }
    this.#pad();
    this.#column = this.#at.write(this.#column, text.slice(at, end), this.#style);
    this.#padding += end - at;
    return end;
  }

  /** Puts spaces between the end of the row and a cursor that is beyond it. */
  #pad(): void {
    const row = this.#at;
    const missing = Math.min(this.#column - row.length, this.#padding);
    if (missing > 0) {
      row.write(row.length, ' '.repeat(missing), NO_STYLE);
      this.#padding -= missing;
    }
    this.#column = Math.min(this.#column, row.length);
  }

  #newLine(): void {
    this.#row += 1;
    this.#column = 0;
    if (this.#row < this.#rows.length) {
      return;
    }
    this.#rows.at(-1)?.endIn(this.#style);
    this.#rows.push(new Row(this.#styles, this.#style));
    if (this.#rows.length > REACHABLE_ROWS) {
      this.#recent += `${this.#rows.shift()?.text()}\n`;
      this.#row -= 1;
    }
  }
}

const isControl = (code: number): boolean =>
  code === CARRIAGE_RETURN || code === LINE_FEED || code === BACKSPACE || code === ESCAPE;

const firstLine = (text: string): string => {
  const end = text.indexOf('\n');
  return end < 0 ? text : text.slice(0, end);
};

/**
 * VS Code folds an appended `\r` itself, by a regular expression: what is longer in the old line stays,
 * and `$` and Unicode's line separators in the new one are misread.
 */
const canOverwrite = (old: string, line: string): boolean =>
  line.length >= old.length &&
  line !== '' &&
  ['$', '\u2028', '\u2029'].every((misread) => !line.includes(misread) && !old.includes(misread));
