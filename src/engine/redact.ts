import type { Log } from '../log';

/** Hiding shorter values would make every message unreadable, and such values are not secret. */
const MIN_SECRET_CHARACTERS = 4;
const HIDDEN = '***';

/** The known secrets, in every spelling that a text may contain. */
const secrets = new Set<string>();

/** Makes {@link redact} hide this value from now on, also URL-encoded or in JSON. */
export function keepSecret(value: string): void {
  for (const spelling of [value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1)]) {
    if (spelling.length >= MIN_SECRET_CHARACTERS) {
      secrets.add(spelling);
    }
  }
}

/**
 * Hides user names, passwords and tokens in the URLs of a text, and every known secret. Use it for all text in logs, cells and
 * notifications.
 */
export function redact(text: string): string {
  // matched without the scheme, because finding its beginning takes quadratic time in a long word
  let shown = text.replace(/:\/\/[^\s/]+@/g, `://${HIDDEN}@`);
  // the longest first, because one secret may be part of another
  for (const secret of [...secrets].sort((a, b) => b.length - a.length)) {
    shown = shown.replaceAll(secret, HIDDEN);
  }
  return shown;
}

/** A log whose messages all pass through {@link redact}. */
export const redactedLog = (log: Log): Log => ({
  trace: (message) => log.trace(redact(message)),
  debug: (message) => log.debug(redact(message)),
  info: (message) => log.info(redact(message)),
  warn: (message) => log.warn(redact(message)),
  error: (message) => log.error(redact(message)),
});
