import { setTimeout as delay } from 'node:timers/promises';

/**
 * All times for which a session waits for its sandbox, in milliseconds. Tests shorten them. The deadlines for the engine are in
 * `src/engine/deadlines.ts`.
 */
export interface Timing {
  /** From the container's start to the first hello. */
  start: number;
  /** Maximum of `start` while the engine is busy. */
  busyStart: number;
  /** From the opening of a stream to its hello. */
  hello: number;
  /** Between pings, while the session waits for an answer. */
  ping: number;
  /** A count: after this many pings in a row without any data back, the stream counts as cut. */
  silentPings: number;
  /** First and longest pause before a stream is opened again. The pause doubles each time. */
  backOff: { first: number; longest: number };
  /** After a stream was attached for this long, the back-off starts again with its first pause. */
  stable: number;
  /** From the loss of a stream to the state `unreachable`. */
  unreachable: number;
  /** Between inspections of a paused container, in case no event reports the end of the pause. */
  pausedLook: number;
  /** How long a stream may still bring data after its container died. */
  lastWords: number;
  /** A replay that brings nothing for this long counts as complete, because sending commands again is safe and waiting longer is not. */
  replay: number;
  /**
   * From the `status: idle` of a cell, or its unlogged reply, to the end of the cell, if the log brings neither a reply nor any other
   * event.
   */
  lostReply: number;
  interrupt: number;
  reset: number;
  answer: number;
  complete: number;
  /** For messages to a cell that installs packages. It is longer than a usual loss of the stream. */
  install: number;
  /** From a comm message to its acceptance. A large message on a slow link takes long. */
  comm: number;
  /** From shutdown_request to the stream's end. */
  shutdown: number;
  /** For a disposal. Objects that the engine has not removed by then are removed in the background. */
  dispose: number;
}

export const TIMING: Timing = {
  start: 30_000,
  busyStart: 330_000,
  hello: 10_000,
  ping: 500,
  silentPings: 4,
  backOff: { first: 50, longest: 5_000 },
  stable: 2_000,
  unreachable: 1_000,
  pausedLook: 2_000,
  lastWords: 300,
  replay: 1_000,
  lostReply: 2_000,
  interrupt: 10_000,
  reset: 30_000,
  answer: 10_000,
  complete: 5_000,
  install: 90_000,
  comm: 30_000,
  shutdown: 1_000,
  dispose: 30_000,
};

/** Resolves after `ms`, or as soon as the signal is aborted; never rejects. */
export async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  await delay(ms, undefined, signal && { signal }).catch(() => undefined); // rejects only if the signal aborts
}

/** Settles as the promise does, or resolves with `fallback` after `ms`. */
export function within<T, F>(promise: Promise<T>, ms: number, fallback: F): Promise<T | F> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      resolve(fallback);
    }, ms);
    promise.then(resolve, reject).finally(() => {
      clearTimeout(timer);
    });
  });
}
