import type { Log } from '../log';
import { asSandboxError } from './failures';

/** Pauses before another try, in milliseconds. */
export interface RetryPauses {
  awaited: readonly number[];
  later: readonly number[];
}

/**
 * What is left behind costs memory or disk. Who waits for the removal waits for the first tries; an engine that is being started again
 * takes longer.
 */
const RETRY_PAUSES_MS: RetryPauses = { awaited: [1_000, 4_000], later: [5_000, 20_000, 60_000, 300_000] };

/**
 * Tries until `remove` resolves: an engine may be away, or not yet done with what still has the thing. Resolves when it is removed, or
 * when nobody is to wait for it any longer; never rejects.
 * @param what for the log, as "libraries of sandbox 7f…"
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
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, pause);
      if (!isAwaited) {
        timer.unref();
      }
    });
    try {
      await remove();
      return;
    } catch (error) {
      log.error(`${what} not removed: ${asSandboxError(error).message}`);
    }
  }
}
