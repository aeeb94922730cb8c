import type { Log } from '../log';

/** Shorter ones would make every message unreadable, and are no secret. */
const MIN_SECRET_CHARACTERS = 4;
const HIDDEN = '***';

/** What this process knows to be secret, in every spelling in which a text may carry it. */
const secrets = new Set<string>();

/** From now on {@link redact} hides this value, also where it is URL-encoded or in JSON. */
export function keepSecret(value: string): void {
  for (const spelling of [value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1)]) {
    if (spelling.length >= MIN_SECRET_CHARACTERS) {
      secrets.add(spelling);
    }
  }
}

/** Hides user names, passwords and tokens in every URL of a text, and every known secret; for whatever reaches a log, a cell or a notification. */
export function redact(text: string): string {
  let shown = text.replace(/:\/\/[^\s/]+@/g, `://${HIDDEN}@`); // without the scheme: to look for its beginning takes the square of a long word's length
  // the longest first: one may be part of another
  for (const secret of [...secrets].sort((a, b) => b.length - a.length)) {
    shown = shown.replaceAll(secret, HIDDEN);
  }
  return shown;
}

/** A log that gets nothing past {@link redact}. */
export const redactedLog = (log: Log): Log => ({
  trace: (message) => log.trace(redact(message)),
  debug: (message) => log.debug(redact(message)),
  info: (message) => log.info(redact(message)),
  warn: (message) => log.warn(redact(message)),
  error: (message) => log.error(redact(message)),
});
