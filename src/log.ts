/**
 * The part of VS Code's LogOutputChannel that code without `vscode` may use. The log must not contain code, outputs or the environment, at
 * any level. No method may throw, because lines are written in `finally` and `catch` blocks, where an exception would replace the result.
 * VS Code's own channel throws after it was closed, so it is only used through {@link unfailingLog}.
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

/** A log that drops a line if `log` throws. */
export function unfailingLog(log: Log): Log {
  const attempt = (write: () => void): void => {
    try {
      write();
    } catch {
      // there is no other place to report it
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
