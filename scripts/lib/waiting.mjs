import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from './failure.mjs';

/**
 * Waits for `promise`, and throws a failure that names what was awaited if it takes too long.
 * @template T
 * @param {Promise<T>} promise
 * @param {number} ms
 * @param {string} what completes "… took longer than n s"
 * @returns {Promise<T>}
 */
export async function within(promise, ms, what) {
  const timer = new AbortController();
  const late = sleep(ms, undefined, { signal: timer.signal }).then(() => {
    throw new Failure(`${what} took longer than ${ms / 1000} s.`);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    timer.abort();
    late.catch(() => {}); // the aborted sleep itself
  }
}

/**
 * Calls `ask` until its result is truthy.
 * @template T
 * @param {() => Promise<T> | T} ask a throw ends the wait
 * @param {{ ms: number, every?: number, what: string }} limits
 * @returns {Promise<NonNullable<T>>}
 */
export async function until(ask, { ms, every = 100, what }) {
  const deadline = performance.now() + ms;
  for (;;) {
    const answer = await ask();
    if (answer) {
      return answer;
    }
    if (performance.now() > deadline) {
      throw new Failure(`${what} took longer than ${ms / 1000} s.`);
    }
    await sleep(every);
  }
}
