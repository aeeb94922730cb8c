/**
 * U+2060 WORD JOINER has no width and no glyph. Between two characters that VS Code would read as markup it is invisible, and VS Code
 * shows both characters as text.
 */
const WORD_JOINER = '\u2060';

/** Maximum length of one line in UTF-16 units. VS Code itself cuts a notification at 1,000, but shows the whole of a prompt. */
export const MAX_LINE_LENGTH = 1_000;
/** Maximum length in UTF-16 units of text that keeps its lines, such as documentation. */
export const MAX_MULTILINE_LENGTH = 20_000;
/** Before text is cleaned, it is cut to this multiple of the length that is shown, which bounds the time for cleaning. */
const UNCLEANED_FACTOR = 4;

/** Escape sequences of terminals (CSI, OSC), mostly colours in a prompt. The inner parts of the pattern never match ESC, so the time is linear. */
// eslint-disable-next-line no-control-regex -- the sequences begin with ESC
const TERMINAL_SEQUENCES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\))/g;
const LINE_BREAKS = /\r\n|[\n\v\f\r\u0085\u2028\u2029]/g;
/**
 * Characters that are invisible and change the visible text: control characters, characters that override or embed a writing direction
 * (U+202A–202E, U+2066–2069), the byte order mark, and halves of surrogate pairs. The direction marks of Hebrew and Arabic (U+200E, U+200F,
 * U+061C) are kept.
 */
const INVISIBLE = /[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/**
 * Makes one line of text that VS Code shows unchanged everywhere except in Markdown: without links (`[label](command:…)`, see `LinkedText`
 * in VS Code's sources), icons (`$(name)`), or characters that hide or reverse the text beside them. Text that is longer than `limit`
 * UTF-16 units loses its middle. All text for VS Code's user interface goes through this function, whoever wrote it.
 */
export const inert = (text: string, limit = MAX_LINE_LENGTH): string =>
  unmarked(
    bounded(
      bounded(text, UNCLEANED_FACTOR * limit)
        .replace(TERMINAL_SEQUENCES, '')
        .replace(LINE_BREAKS, ' ')
        .replace(/\t/g, ' ')
        .replace(INVISIBLE, ''),
      limit,
    ),
  );

/** Like {@link inert}, but keeps lines and tabs. */
export const inertBlock = (text: string, limit = MAX_MULTILINE_LENGTH): string =>
  unmarked(withVisibleCharacters(bounded(text, UNCLEANED_FACTOR * limit), limit));

/** Like {@link inert}, for a line that VS Code reads as Markdown after it was escaped: web and mail addresses do not become links either. */
export const inertInMarkdown = (text: string, limit = MAX_LINE_LENGTH): string =>
  inert(text, limit).replace(/:(?=\/\/)|www(?=\.)|@/gi, `$&${WORD_JOINER}`);

/**
 * A Markdown code block that shows the text unchanged, with its lines and tabs. The fence is longer than every run of backticks anywhere in
 * the text: `MarkdownString.appendCodeblock` checks only the beginnings of lines, but a fence may be indented by three spaces.
 */
export function codeBlock(text: string, limit = MAX_MULTILINE_LENGTH): string {
  const shown = withVisibleCharacters(bounded(text, UNCLEANED_FACTOR * limit), limit);
  const longest = Math.max(2, ...Array.from(shown.matchAll(/`+/g), ([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `\n${fence}text\n${shown}\n${fence}\n`;
}

const withVisibleCharacters = (text: string, limit: number): string =>
  bounded(
    text
      .replace(TERMINAL_SEQUENCES, '')
      .replace(LINE_BREAKS, '\n')
      .replace(INVISIBLE, (character) => (character === '\n' || character === '\t' ? character : '')),
    limit,
  );

/**
 * `](` begins the address of a link and `$(` the name of an icon. `]` or `$` at the end of the text is separated too, because text with the
 * other half may follow.
 */
const unmarked = (text: string): string => text.replace(/[\]$](?=\(|$)/g, `$&${WORD_JOINER}`);

/** Keeps whole code points from the beginning and from the end, because a prompt ends with its question. */
function bounded(text: string, limit: number): string {
  if (text.length <= limit) {
    return text;
  }
  const tail = Math.floor(limit / 3);
  const [first, last] = [text.slice(0, limit - tail - 3), text.slice(-tail)];
  return `${first.replace(/[\ud800-\udbff]$/, '')} … ${last.replace(/^[\udc00-\udfff]/, '')}`;
}
