// eslint-disable-next-line no-control-regex -- ANSI's own
const COLOURS = /\u001b\[[0-9;]*[A-Za-z]/g;

/**
 * Removes the terminal's control sequences from a text of IPython. Takes linear time for any text, unlike
 * `util.stripVTControlCharacters`.
 */
export const withoutAnsi = (text: string): string => text.replace(COLOURS, '');
