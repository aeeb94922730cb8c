import { withoutAnsi } from './ansi';

/** Where the links of a traceback should lead. */
export interface LinkTargets {
  /**
   * What `Cell In[count]` should lead to: `native`: VS Code's own link finds it; a cell's URI: VS Code's own would lead
   * elsewhere; undefined: there is no such cell.
   */
  cell(count: number): { native: true } | { uri: string } | undefined;
  /** The path, relative to the notebook's folder, of what a file of the sandbox is a copy of; undefined: of nothing. */
  file(path: string): string | undefined;
}

/** What IPython says before the lines of a frame, and of a syntax error. */
const CELL = /^\s*Cell In\s?\[(\d+)\], line (\d+)/;
const FILE = /^\s*File (.+?):(\d+)(?:, in |$)/;
const ARROW = /((?<!-)-+>(?:\u001b\[[\d;]*m|\s)*)(\d+)/; // eslint-disable-line no-control-regex -- ANSI's own
/** A code that changes nothing ("the default font"), and breaks a pattern that VS Code would make a link of. */
const NO_OP_CODE = '\u001b[10m';
/** Characters of a line with a link; VS Code too makes none of longer ones. */
const MAX_LINE_CHARACTERS = 2_000;
/** What needs no escaping in a link as VS Code makes and reads it. */
const PLAIN_PATH = /^[^'"<>#%?&\\\p{Cc}]+$/u;

/**
 * A traceback of IPython's as VS Code's renderer should have it, which makes links of its own: `line m` of `Cell In[n]` leads to
 * the last cell that shows `[n]`, also from an earlier kernel; a file's path is taken for one of this computer. What leads to
 * the right place stays as it is, so that it can be copied; the others are mended or are no links.
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
        return file(raw, path, targets.file(path));
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

function file(raw: string, path: string, beside: string | undefined): string {
  return beside !== undefined && PLAIN_PATH.test(beside) && raw.includes(path)
    ? raw.replace(path, () => (beside.startsWith('../') ? beside : `./${beside}`))
    : raw.replace(/File(?=\s)/, `File${NO_OP_CODE}`);
}
