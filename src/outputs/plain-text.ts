/**
 * Terminal control sequences: CSI (colours, cursor), OSC (links, titles), two-character escapes, and control characters that are neither a
 * line break nor a tab. Every alternative stops at the next escape character, so that matching takes linear time for any text.
 */
const CONTROL =
  // eslint-disable-next-line no-control-regex -- control characters are what is removed
  /\u001b(?:\[[0-?]*[ -/]*[@-~]?|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[@-Z\\^_]?)|[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** A text as a reader without a terminal sees it. */
export const plainText = (text: string): string => text.replace(CONTROL, '');
