import { constants } from 'node:os';
import { within } from './waiting.mjs';

/** @type {Set<{ what: string, undo: () => unknown }>} */
const open = new Set();
let closing;

/**
 * Registers how to undo something that must not outlive this script (a daemon, a server, a running tool).
 * @param {string} what
 * @param {() => unknown} undo may be asynchronous
 * @returns {() => void} forgets it: it has ended by itself
 */
export function onShutdown(what, undo) {
  const entry = { what, undo };
  open.add(entry);
  return () => open.delete(entry);
}

/**
 * Undoes everything, the latest first. It may be called twice. A failure is reported, and the rest is undone all the
 * same.
 */
export function shutDown() {
  closing ??= (async () => {
    for (const entry of [...open].reverse()) {
      open.delete(entry);
      try {
        await within(Promise.resolve(entry.undo()), 40_000, `Stopping ${entry.what}`);
      } catch (error) {
        console.error(`${entry.what} could not be stopped: ${error instanceof Error ? error.message : error}`);
      }
    }
  })();
  return closing;
}

/** Whether processes end now because this script is ending them. */
export const isShuttingDown = () => closing !== undefined;

/** Ends this script, and everything that it started, when it gets a signal. */
export function shutDownOnSignals() {
  const end = (signal) => {
    void shutDown().finally(() => process.exit(128 + constants.signals[signal]));
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, end);
  }
  if (process.env.npm_lifecycle_event) {
    // npm passes a signal to the shell in which it runs scripts. That shell ends without a signal to this script.
    const shell = process.ppid;
    setInterval(() => {
      if (process.ppid !== shell) {
        end('SIGTERM');
      }
    }, 500).unref();
  }
}
