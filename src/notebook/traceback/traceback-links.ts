import { withoutAnsi } from './ansi';

/** The targets of the links in a traceback. */
export interface LinkTargets {
  /**
   * The target of `Cell In[count]`: `native` if VS Code's own link leads there, the cell's URI if VS Code's own link
   * would lead elsewhere, undefined if the cell does not exist.
   */
  cell(count: number): { native: true } | { uri: string } | undefined;
  /**
   * The path, relative to the notebook's folder, of the original of a file in the sandbox; undefined if the file is no
   * copy.
   */
  file(path: string): string | undefined;
}

/** The text that IPython writes before the lines of a frame and of a syntax error. */
const CELL = /^\s*Cell In\s?\[(\d+)\], line (\d+)/;
const FILE = /^\s*File (.+?):(\d+)(?:, in |$)/;
const ARROW = /((?<!-)-+>(?:\u001b\[[\d;]*m|\s)*)(\d+)/; // eslint-disable-line no-control-regex -- ANSI's own
/** A code that changes nothing ("the default font") but breaks a pattern that VS Code would turn into a link. */
const NO_OP_CODE = '\u001b[10m';
/** Most characters of a line with a link. VS Code makes no links in longer lines either. */
const MAX_LINE_CHARACTERS = 2_000;
/** Characters that need no escaping in a link as VS Code makes and reads it. */
const PLAIN_PATH = /^[^'"<>#%?&\\\p{Cc}]+$/u;

/**
 * Prepares an IPython traceback for VS Code's renderer, which makes links of its own: `line m` of `Cell In[n]` leads
 * to the last cell that shows `[n]`, even if an earlier kernel ran it, and a file's path counts as a path of this
 * computer. Text whose link leads to the right place is not changed, so that it can be copied. Other links are
 * corrected or removed.
 */
export function fixLinks(traceback: string, targets: LinkTargets): string {
  let link: ((line: string) => string) | undefined;
  return traceback
    .split('\n')
    .map((raw) => {
      if (raw.length > MAX_LINE_CHARACTERS) {
        return raw;
      }
      const text = withoutAnsi(raw);
      const [, count, line] = CELL.exec(text) ?? [];
      if (count !== undefined && line !== undefined) {
        const target = targets.cell(Number(count));
        link =
          target !== undefined && 'uri' in target
            ? (to) => `<a href='${target.uri}?line=${Number(to) - 1}'>`
            : undefined;
        if (target === undefined) {
          return raw.replace(`line ${line}`, `li${NO_OP_CODE}ne ${line}`);
        }
        const open = link?.(line);
        return open === undefined ? raw : raw.replace(`line ${line}`, (label) => `${open}${label}</a>`);
      }
      const [, path] = FILE.exec(text) ?? [];
      if (path !== undefined) {
        link = undefined;
        return fixFileLink(raw, path, targets.file(path));
      }
      if (text.trim() === '') {
        link = undefined;
      }
      const into = link;
      return into === undefined
        ? raw
        : raw.replace(ARROW, (_, before: string, number: string) => `${before}${into(number)}${number}</a>`);
    })
    .join('\n');
}

function fixFileLink(raw: string, path: string, beside: string | undefined): string {
  return beside !== undefined && PLAIN_PATH.test(beside) && raw.includes(path)
    ? raw.replace(path, () => (beside.startsWith('../') ? beside : `./${beside}`))
    : raw.replace(/File(?=\s)/, `File${NO_OP_CODE}`);
}
