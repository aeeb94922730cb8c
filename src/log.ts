/**
 * The part of VS Code's LogOutputChannel that rooms below `vscode` may use. Code, outputs and environment at no level. No method may
 * throw: a line is written in `finally` and `catch` blocks, where an exception would take the place of the answer. VS Code's own channel
 * does throw once it is closed, so it is used behind {@link unfailingLog} only.
 */
export interface Log {
  trace(message: string): void;
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}
export const silentLog: Log = {
  trace: () => undefined,
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** A log whose lines are lost where `log` throws. */
export function unfailingLog(log: Log): Log {
  const attempt = (write: () => void): void => {
    try {
      write();
    } catch {
      // there is no other place to say it
    }
  };
  return {
    trace: (message) => attempt(() => log.trace(message)),
    debug: (message) => attempt(() => log.debug(message)),
    info: (message) => attempt(() => log.info(message)),
    warn: (message) => attempt(() => log.warn(message)),
    error: (message) => attempt(() => log.error(message)),
  };
}
