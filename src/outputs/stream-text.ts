import { Row } from './row';
import { ESCAPE, sequenceAt } from './sequences';
import { NO_STYLE, Styles } from './styles';

/** A change to the text that is shown. An appended text may begin with one `\r`, which overwrites the last line: see `canOverwrite`. */
export type TextChange = { kind: 'append'; text: string } | { kind: 'replace'; text: string };

/** The state of a stream that is shown: the text of its last rows, and the number of UTF-16 units above them. */
export interface TextMark {
  readonly settled: number;
  readonly rows: readonly string[];
}

/** The number of last rows that the cursor can reach; nested progress bars are only a few rows high. */
const REACHABLE_ROWS = 64;
/** Maximum number of spaces that fill rows up to the cursor, in addition to one for each UTF-16 unit that was written. */
const FREE_PADDING = 10_000;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const BACKSPACE = 0x08;
/* eslint-disable no-control-regex -- control characters of terminals */
const CONTROL = /[\r\b]|\x1b\[\d{0,4}[ABK]/;
const STYLE_SEQUENCES = /\x1b\[([\d:;<=>?]{0,60})m/g;
/** The beginning of a control sequence or of a surrogate pair, which the next chunk may complete. */
const UNFINISHED = /(?:\x1b(?:\[[\d:;<=>?]{0,60})?|[\ud800-\udbff])$/;
/* eslint-enable no-control-regex */
const MAX_UNFINISHED_LENGTH = 62;

/**
 * The text of one stream output as a terminal would show it. `\r`, `\b`, cursor up and down (`ESC[A`, `ESC[B`) and erase line
 * (`ESC[K`) are executed, so that a progress bar stays on its line. Each character keeps the style (`ESC[…m`) in which it was written. Other
 * control sequences take no column. The result depends only on the characters, never on where the stream was cut into chunks. Time
 * and memory are linear in the number of characters that were written, whatever they are.
 */
export class StreamText {
  /** The rows that the cursor can no longer reach, each with its line feed, in pieces that end where a mark was made. */
  #pieces: { text: string; end: number }[] = [];
  /** The unreachable rows after the last piece. */
  #recent = '';
  readonly #styles = new Styles();
  /** The rows that the cursor can reach; never empty. */
  #rows = [new Row(this.#styles, NO_STYLE)];
  /** The position of the cursor in `#rows`, and the style of the text that is written there. */
  #row = 0;
  #column = 0;
  #style = NO_STYLE;
  /** The end of the last chunk that the next chunk may complete; it is not shown. */
  #held = '';
  /** The number of spaces that may still be used to fill rows up to the cursor. Without a limit a few bytes could make many long rows of spaces. */
  #padding = FREE_PADDING;

  constructor(text = '') {
    this.write(text);
  }

  /** The approximate number of UTF-16 units that are shown. */
  get length(): number {
    return this.#rows.reduce((sum, row) => sum + row.units + 1, this.#settled - 1);
  }

  write(chunk: string): void {
    let text = this.#held + chunk;
    this.#held = UNFINISHED.exec(text.slice(-MAX_UNFINISHED_LENGTH))?.[0] ?? '';
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

  /** The end of the text, at most `characters` UTF-16 units. */
  tail(characters: number): string {
    const rows = this.#rowsText();
    return rows.length >= characters
      ? rows.slice(rows.length - characters)
      : this.#textFrom(Math.max(0, this.#settled + rows.length - characters));
  }

  /** Keeps only the end of the text, at most `characters` UTF-16 units. Earlier marks become invalid. */
  shorten(characters: number): void {
    const kept = this.tail(characters);
    this.#pieces = [];
    this.#recent = '';
    this.#startRows(NO_STYLE);
    this.#append(kept);
  }

  /** A mark of the current text for a later {@link changeSince}. */
  mark(): TextMark {
    if (this.#recent !== '') {
      this.#pieces.push({ text: this.#recent, end: this.#settled });
      this.#recent = '';
    }
    return { settled: this.#settled, rows: this.#rows.map((row) => row.text()) };
  }

  /** The change from the text at the mark to the current text. */
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

  /** The text from the UTF-16 unit `start` on. */
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

  /** Appends text at the end. Line feeds are the only part of the text that moves the cursor. */
  #append(text: string): void {
    let reachable = text.length; // the index of the line feed before the rows that stay reachable
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
        case BACKSPACE: // deletes a character, as in Jupyter's front ends
          if (this.#column > 0) {
            if (this.#column <= this.#at.length) {
              this.#at.deleteBefore(this.#column);
            }
            this.#column -= 1;
          }
          at += 1;
          break;
        default:
          at = this.#execute(text, at) ?? this.#overwrite(text, at);
      }
    }
  }

  /** Executes the control sequence that begins at `at` and returns the index after it, or undefined if none begins there. */
  #execute(text: string, at: number): number | undefined {
    const sequence = sequenceAt(text, at);
    if (sequence === undefined) {
      return undefined;
    }
    const { parameters, command, end } = sequence;
    const isSimple = command !== 'm' && /^\d{0,4}$/.test(parameters);
    if (command === 'A' && isSimple) {
      // never above the rows that are surely reachable wherever the stream was cut
      this.#row = Math.max(this.#row - Number(parameters || 1), 0, this.#rows.length - REACHABLE_ROWS);
    } else if (command === 'B' && isSimple) {
      this.#row = Math.min(this.#row + Number(parameters || 1), this.#rows.length - 1);
    } else if (command === 'K' && isSimple) {
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

  /** Writes the text from `at` to the next control character and returns the index of that character. */
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

  /** Fills the row with spaces if the cursor is beyond its end. */
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
 * Whether VS Code may be sent the line after a `\r`. VS Code then replaces the old line with a regular expression: the end of an old line
 * that is longer than the new one stays, and `$` and Unicode line separators are misread.
 */
const canOverwrite = (old: string, line: string): boolean =>
  line.length >= old.length &&
  line !== '' &&
  ['$', '\u2028', '\u2029'].every((misread) => !line.includes(misread) && !old.includes(misread));
