/** Hides user names, passwords and tokens in every URL of a text; for whatever reaches a log, a cell or a notification. */
export const redactUrls = (text: string): string => text.replace(/([a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi, '$1***@');
