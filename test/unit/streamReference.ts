const REACHABLE_ROWS = 64;
// eslint-disable-next-line no-control-regex -- a terminal's own
const TOKENS = /\x1b\[(\d{0,4})([AK])|[\r\b\n]|[^\r\b\n\x1b]+|\x1b/g;

/** What a stream's text looks like in the end, as simply as it can be said: every row is a string that each token makes anew. */
export function referenceText(text: string): string {
  const shown = text.replace(/\x1b(\[\d{0,4})?$/, ''); // eslint-disable-line no-control-regex -- a sequence that is not finished
  const rows = [''];
  let [row, column] = [0, 0];
  const line = (): string => rows[row] ?? '';
  for (const [token, count, command] of shown.matchAll(TOKENS)) {
    if (token === '\r') {
      column = 0;
    } else if (token === '\n') {
      row += 1;
      column = 0;
      if (row === rows.length) { rows.push(''); }
    } else if (token === '\b') {
      if (column === 0) { continue; }
      rows[row] = line().slice(0, column - 1) + line().slice(column);
      column -= 1;
    } else if (command === 'A') {
      row = Math.max(row - Number(count || 1), 0, rows.length - REACHABLE_ROWS);
    } else if (command === 'K') {
      rows[row] = count === '2' ? '' : count === '1' ? ' '.repeat(column) + line().slice(column) : line().slice(0, column);
    } else {
      rows[row] = line().slice(0, column).padEnd(column) + token + line().slice(column + token.length);
      column += token.length;
    }
  }
  return rows.join('\n');
}
