const REACHABLE_ROWS = 64;
/* eslint-disable no-control-regex -- a terminal's own */
const TOKENS = /\x1b\[([\d:;<=>?]{0,60})([@-~])|[\r\b\n]|[^\r\b\n\x1b]+|\x1b/gu;
const UNFINISHED = /\x1b(\[[\d:;<=>?]{0,60})?$/;
/* eslint-enable no-control-regex */

/** A character and its style: `character|sorted list of active parameters`. */
type Cell = string;
type Style = Record<string, string>;

const OFF: Record<string, string> = {
  22: 'weight',
  23: 'italic',
  24: 'underline',
  27: 'inverse',
  39: 'colour',
  49: 'background',
};
const ON: Record<string, string> = { 3: 'italic', 4: 'underline', 7: 'inverse' };

function styled(style: Style, parameters: string): Style {
  const next = { ...style };
  const list = parameters.split(';');
  for (let at = 0; at < list.length; at += 1) {
    const parameter = list[at] === '' ? '0' : (list[at] ?? '');
    if (parameter === '0') {
      for (const name of Object.keys(next)) {
        next[name] = '';
      }
    } else if (parameter === '1' || parameter === '2') {
      next['weight'] = [...new Set([...(next['weight'] ?? ''), parameter])].sort().join('');
    } else if (parameter === '38' || parameter === '48') {
      const count = list[at + 1] === '5' ? 3 : 5;
      next[parameter === '38' ? 'colour' : 'background'] = list.slice(at, at + count).join(';');
      at += count - 1;
    } else if (/^[39]\d$/.test(parameter) && parameter !== '39') {
      next['colour'] = parameter;
    } else if (/^4\d$/.test(parameter) && parameter !== '49') {
      next['background'] = parameter;
    } else {
      next[OFF[parameter] ?? ON[parameter] ?? ''] = parameter in OFF ? '' : parameter;
    }
  }
  return next;
}

const cell = (character: string, style: Style): Cell =>
  [
    character,
    ...Object.values(style)
      .filter((value) => value !== '')
      .sort(),
  ].join('|');

/**
 * The final look of a stream's text, computed as simply as possible: every row is a list of characters, and each token
 * builds it again.
 */
export function referenceRows(text: string): Cell[][] {
  let style: Style = {};
  const rows: Cell[][] = [[]];
  let [row, column] = [0, 0];
  const line = (): Cell[] => rows[row] ?? [];
  const blank = (length: number): Cell[] => Array.from({ length }, () => cell(' ', {}));
  for (const [token, parameters = '', command] of text.replace(UNFINISHED, '').matchAll(TOKENS)) {
    const isOurs = /^\d{0,4}$/.test(parameters);
    if (token === '\r') {
      column = 0;
    } else if (token === '\n') {
      row += 1;
      column = 0;
      if (row === rows.length) {
        rows.push([]);
      }
    } else if (token === '\b') {
      if (column === 0) {
        continue;
      }
      rows[row] = [...line().slice(0, column - 1), ...line().slice(column)];
      column -= 1;
    } else if (command === 'm') {
      style = styled(style, parameters);
    } else if (command === 'A' && isOurs) {
      row = Math.max(row - Number(parameters || 1), 0, rows.length - REACHABLE_ROWS);
    } else if (command === 'B' && isOurs) {
      row = Math.min(row + Number(parameters || 1), rows.length - 1);
    } else if (command === 'K' && isOurs) {
      rows[row] =
        parameters === '2'
          ? []
          : parameters === '1'
            ? [...blank(column), ...line().slice(column)]
            : line().slice(0, column);
    } else if (command === undefined) {
      const written = [...token].map((character) => cell(character, style));
      rows[row] = [
        ...line().slice(0, column),
        ...blank(Math.max(0, column - line().length)),
        ...written,
        ...line().slice(column + written.length),
      ];
      column += written.length;
    }
  }
  return rows;
}

/** The visible characters of a text in which nothing is overwritten. */
export function seenRows(text: string): Cell[][] {
  let style: Style = {};
  const rows: Cell[][] = [[]];
  for (const [token, parameters = '', command] of text.matchAll(TOKENS)) {
    if (token === '\n') {
      rows.push([]);
    } else if (command === 'm') {
      style = styled(style, parameters);
    } else if (command === undefined) {
      rows.at(-1)?.push(...[...token].map((character) => cell(character, style)));
    }
  }
  return rows;
}
