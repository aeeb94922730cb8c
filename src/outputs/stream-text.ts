/**
 * The text of one stream output as a terminal would show it: `\r`, `\b`, cursor up (`ESC[A`) and erase line (`ESC[K`)
 * are obeyed, so that progress bars stay one line. The result depends on the characters alone, never on where the stream
 * was cut into chunks.
 */
export interface StreamText {
  /** Rows that the cursor cannot reach any more, each with its line feed. Only ever grows. */
  readonly done: string;
  /** The last rows; never empty. */
  readonly rows: readonly string[];
  /** Cursor. */
  readonly row: number;
  readonly column: number;
  /** The start of a control sequence that the next chunk may complete; not shown. */
  readonly held: string;
}

/** What to do to the text shown so far. An appended text may begin with one `\r`, see `overwrite`. */
export type TextChange = { kind: 'append'; text: string } | { kind: 'replace'; text: string };

/** Nested progress bars are a few rows high. */
const REACHABLE_ROWS = 64;
/* eslint-disable no-control-regex -- a terminal's own */
const CONTROL = /[\r\b]|\x1b\[\d{0,4}[AK]/;
const TOKENS = /\x1b\[(\d{0,4})([AK])|[\r\b\n]|[^\r\b\n\x1b]+|\x1b/g;
const UNFINISHED = /\x1b(\[\d{0,4})?$/;
/* eslint-enable no-control-regex */

export const emptyStream: StreamText = { done: '', rows: [''], row: 0, column: 0, held: '' };

export const textOf = (stream: StreamText): string => stream.done + stream.rows.join('\n');

export function foldText(before: StreamText, chunk: string): { stream: StreamText; change: TextChange } {
  let text = before.held + chunk;
  const held = UNFINISHED.exec(text)?.[0] ?? '';
  text = text.slice(0, text.length - held.length);
  const last = before.rows.length - 1;
  const atEnd = before.row === last && before.column === lengthOf(before.rows[last]);
  if (atEnd && !CONTROL.test(text)) {
    const lines = text.split('\n');
    const rows = [...before.rows.slice(0, last), (before.rows[last] ?? '') + (lines[0] ?? ''), ...lines.slice(1)];
    const stream = settle(before.done, rows, rows.length - 1, lengthOf(rows[rows.length - 1]), held).stream;
    return { stream, change: { kind: 'append', text } };
  }
  const screen = draw(before, text);
  const { stream, settled } = settle(before.done, screen.rows, screen.row, screen.column, held);
  return { stream, change: changeOf(before, settled + stream.rows.join('\n'), stream) };
}

function draw(before: StreamText, text: string): { rows: string[]; row: number; column: number } {
  const rows = [...before.rows];
  let { row, column } = before;
  const line = (): string => rows[row] ?? '';
  for (const [token, count, command] of text.matchAll(TOKENS)) {
    if (token === '\r') {
      column = 0;
    } else if (token === '\n') {
      row += 1;
      column = 0;
      if (row === rows.length) { rows.push(''); }
    } else if (token === '\b') { // deletes, as in Jupyter's front ends
      if (column > 0) {
        rows[row] = line().slice(0, column - 1) + line().slice(column);
        column -= 1;
      }
    } else if (command === 'A') { // never above what was reachable for certain, wherever the stream was cut
      row = Math.max(row - Number(count || 1), 0, rows.length - REACHABLE_ROWS);
    } else if (command === 'K') {
      rows[row] = count === '2' ? '' : count === '1' ? ' '.repeat(column) + line().slice(column) : line().slice(0, column);
    } else {
      rows[row] = line().slice(0, column).padEnd(column) + token + line().slice(column + token.length);
      column += token.length;
    }
  }
  return { rows, row, column };
}

function settle(done: string, rows: string[], row: number, column: number, held: string): { stream: StreamText; settled: string } {
  const surplus = Math.max(0, rows.length - REACHABLE_ROWS);
  const settled = surplus > 0 ? rows.slice(0, surplus).join('\n') + '\n' : '';
  return { stream: { done: done + settled, rows: rows.slice(surplus), row: row - surplus, column, held }, settled };
}

/** `now` is the text from where `before.rows` began. */
function changeOf(before: StreamText, now: string, stream: StreamText): TextChange {
  const shown = before.rows.join('\n');
  if (now.startsWith(shown)) { return { kind: 'append', text: now.slice(shown.length) }; }
  const above = shown.slice(0, shown.lastIndexOf('\n') + 1);
  const overwritten = shown.slice(above.length);
  const rest = now.slice(above.length);
  return now.startsWith(above) && canOverwrite(overwritten, rest.split('\n', 1)[0] ?? '')
    ? { kind: 'append', text: '\r' + rest }
    : { kind: 'replace', text: textOf(stream) };
}

/**
 * VS Code folds an appended `\r` itself, by a regular expression: what is longer in the old line stays,
 * and `$` and Unicode's line separators in the new one are misread.
 */
const canOverwrite = (old: string, line: string): boolean => line.length >= old.length && line !== '' && !/[$\u2028\u2029]/.test(line + old);

const lengthOf = (line: string | undefined): number => line?.length ?? 0;
