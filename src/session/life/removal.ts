import { setTimeout as delay } from 'node:timers/promises';
import type { Log } from '../../log';
import { asSandboxError } from '../failures';

/** Milliseconds before each further attempt: those that the caller waits for, and later ones. */
export interface RetryPauses {
  awaited: readonly number[];
  later: readonly number[];
}

/**
 * A sandbox that is not removed costs memory or disk space. The caller waits for the first attempts only, because an engine that is being
 * restarted takes longer.
 */
const RETRY_PAUSES_MS: RetryPauses = { awaited: [1_000, 4_000], later: [5_000, 20_000, 60_000, 300_000] };

/**
 * Calls `remove` until it resolves: the engine may be unavailable, or the object may still be in use. Resolves after the removal or after
 * the last attempt that the caller waits for; never rejects.
 * @param what names the object in the log, for example "libraries of sandbox 7f…"
 */
export function removeWithRetries(
  what: string,
  remove: () => Promise<void>,
  log: Log,
  pauses = RETRY_PAUSES_MS,
): Promise<void> {
  return new Promise((letGo) => {
    void keepTrying(what, remove, log, pauses, letGo).finally(letGo);
  });
}

async function keepTrying(
  what: string,
  remove: () => Promise<void>,
  log: Log,
  { awaited, later }: RetryPauses,
  letGo: () => void,
): Promise<void> {
  for (const [attempt, pause] of [0, ...awaited, ...later].entries()) {
    const isAwaited = attempt <= awaited.length;
    if (!isAwaited) {
      letGo();
    }
    await delay(pause, undefined, { ref: isAwaited });
    try {
      await remove();
      return;
    } catch (error) {
      log.error(`${what} not removed: ${asSandboxError(error).message}`);
    }
  }
}
