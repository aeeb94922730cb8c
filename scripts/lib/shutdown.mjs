import { constants } from 'node:os';
import { within } from './waiting.mjs';

/** @type {Set<{ what: string, undo: () => unknown }>} */
const open = new Set();
let closing;

/**
 * Remembers how to undo something that must not outlive this script (a daemon, a server, a running tool).
 * @param {string} what
 * @param {() => unknown} undo may be asynchronous
 * @returns {() => void} forgets it: it has ended by itself
 */
export function onShutdown(what, undo) {
  const entry = { what, undo };
  open.add(entry);
  return () => open.delete(entry);
}

/** Undoes everything, the latest first. Safe to call twice; a failure is reported and the rest still undone. */
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

/** Ends this script, and all it started, when it is asked to end. */
export function shutDownOnSignals() {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      void shutDown().finally(() => process.exit(128 + constants.signals[signal]));
    });
  }
}
