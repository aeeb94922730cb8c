/**
 * U+2060 WORD JOINER: it has no width and no glyph. Between two characters that VS Code takes together for markup it leaves
 * both as they are to the eye, and makes text of them.
 */
const WORD_JOINER = '\u2060';

/** UTF-16 units of one line. VS Code cuts a notification at 1,000; a prompt it would show to the last one. */
export const MAX_LINE_LENGTH = 1_000;
/** UTF-16 units of text that keeps its lines, such as documentation. */
export const MAX_BLOCK_LENGTH = 20_000;
/** Before it is cleaned, text is cut to so many times the length that is shown: what is removed costs no more than what is kept. */
const UNCLEANED = 4;

/** Escape sequences of terminals (CSI, OSC): colours in a prompt, for the most part. No part of a sequence matches ESC, so the time is linear. */
// eslint-disable-next-line no-control-regex -- ESC is what the sequences begin with
const TERMINAL_SEQUENCES = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\))/g;
const LINE_BREAKS = /\r\n|[\n\v\f\r\u0085\u2028\u2029]/g;
/**
 * What is not to be seen and changes what is: control characters, those that override or embed a direction of writing (U+202A–202E,
 * U+2066–2069), the byte order mark, and halves of surrogate pairs. The marks of Hebrew and Arabic (U+200E, U+200F, U+061C) stay.
 */
const INVISIBLE = /[\p{Cc}\p{Cs}\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/**
 * Text as one line that VS Code shows as it is, wherever it shows it but in Markdown: no link (`[label](command:…)`, see `LinkedText` in
 * VS Code's sources), no icon (`$(name)`), nothing that hides or reverses what is beside it. Text that is longer than `limit` UTF-16 units
 * loses its middle. Every caller of VS Code's user interface gets its text through here, whoever wrote it.
 */
export const inert = (text: string, limit = MAX_LINE_LENGTH): string =>
  unmarked(
    bounded(
      bounded(text, UNCLEANED * limit)
        .replace(TERMINAL_SEQUENCES, '')
        .replace(LINE_BREAKS, ' ')
        .replace(/\t/g, ' ')
        .replace(INVISIBLE, ''),
      limit,
    ),
  );

/** As {@link inert}, with its lines and tabs kept. */
export const inertBlock = (text: string, limit = MAX_BLOCK_LENGTH): string =>
  unmarked(withVisibleCharacters(bounded(text, UNCLEANED * limit), limit));

/** As {@link inert}, for a line that VS Code reads as Markdown once it is escaped: addresses of the web and of mail become no links either. */
export const inertInMarkdown = (text: string, limit = MAX_LINE_LENGTH): string =>
  inert(text, limit).replace(/:(?=\/\/)|www(?=\.)|@/gi, `$&${WORD_JOINER}`);

/**
 * Markdown of a block that shows the text as it is, lines and tabs kept. The fence is longer than every run of backticks in the text,
 * wherever that stands: `MarkdownString.appendCodeblock` looks only at the beginnings of lines, and a fence may be indented by three spaces.
 */
export function codeBlock(text: string, limit = MAX_BLOCK_LENGTH): string {
  const shown = withVisibleCharacters(bounded(text, UNCLEANED * limit), limit);
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

/** `](` begins the address of a link, `$(` the name of an icon; so does what ends with their first half where text with the other half follows. */
const unmarked = (text: string): string => text.replace(/[\]$](?=\(|$)/g, `$&${WORD_JOINER}`);

/** Whole code points of the beginning and of the end: a prompt ends with its question. */
function bounded(text: string, limit: number): string {
  if (text.length <= limit) {
    return text;
  }
  const tail = Math.floor(limit / 3);
  const [first, last] = [text.slice(0, limit - tail - 3), text.slice(-tail)];
  return `${first.replace(/[\ud800-\udbff]$/, '')} … ${last.replace(/^[\udc00-\udfff]/, '')}`;
}
