/** Every wait of a session for its sandbox, in milliseconds; tests shorten them. Those for the engine are in `src/engine/deadlines.ts`. */
export interface Timing {
  /** From the container's start to the first hello. */
  start: number;
  /** The same at most while the engine is busy. */
  busyStart: number;
  /** From an opened stream to its hello. */
  hello: number;
  /** Between pings, while something is awaited. */
  ping: number;
  /** Pings in a row without a byte back before the stream counts as cut. */
  silentPings: number;
  /** First and longest pause before a stream is opened again; doubled each time. */
  backOff: { first: number; longest: number };
  /** A stream that was attached for this long starts the back-off anew. */
  stable: number;
  /** How long a cut goes unmentioned. */
  unreachable: number;
  /** Between looks at a paused container, in case its end of pause is not told. */
  pausedLook: number;
  /** What a stream may still bring after its container died. */
  lastWords: number;
  /** A replay that brings nothing for this long counts as complete: resending is safe, waiting longer is not. */
  replay: number;
  /** From `status: idle` of a cell (or its reply, told out of order) to the end of the cell, if the log brings no reply and nothing else. */
  lostReply: number;
  interrupt: number;
  reset: number;
  answer: number;
  complete: number;
  /** Of what a cell that installs is told: it waits longer than a cut lasts. */
  install: number;
  /** From a comm's message to its acceptance; a large one on a slow link takes its time. */
  comm: number;
  /** From shutdown_request to the stream's end. */
  shutdown: number;
  /** Of a disposal; what an engine has not removed by then is tried on. */
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

/** Resolves after `ms`, or at once when the signal is or becomes aborted; never rejects. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
  });
}

/** Resolves with the promise's value, or with `fallback` after `ms`. */
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
