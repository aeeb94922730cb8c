// eslint-disable-next-line no-control-regex -- ANSI's own
const COLOURS = /\u001b\[[0-9;]*[A-Za-z]/g;

/** A text of IPython's without what is for terminals alone. */
export const withoutAnsi = (text: string): string => text.replace(COLOURS, '');
