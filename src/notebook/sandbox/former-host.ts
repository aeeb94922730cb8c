import { setTimeout as sleep } from 'node:timers/promises';
import { SandboxError } from '../../protocol/errors';

/** The part of a record that identifies the window which wrote it. */
export interface FormerHost {
  /** Host id of the window; '' if unknown. */
  host: string;
  /** Process id of the window's extension host; undefined if unknown. */
  pid?: number;
}

/**
 * Milliseconds that a closing or reloading window may take to leave its sandbox. After that it counts as another
 * window that uses the sandbox.
 */
const LEAVE_TIMEOUT_MS = 3_000;
const RETRY_INTERVAL_MS = 100;

/**
 * Attaches with the host id of the window that had the sandbox before, whose stream may still be open, but only once
 * that window's process is known to have ended. Two windows of one workspace read the same record, and neither may
 * replace the other without asking the user.
 * @param attach rejects with a SandboxError, which is `InUse` while another host is attached; `host` is undefined if
 * the session is to use an id of its own
 */
export async function attachAsFormerHost<T>(
  former: FormerHost,
  attach: (host: string | undefined) => Promise<T>,
  signal: AbortSignal,
  { isAlive = isRunning, leaving = LEAVE_TIMEOUT_MS } = {},
): Promise<T> {
  for (const giveUp = performance.now() + leaving; ; await sleep(Math.min(RETRY_INTERVAL_MS, leaving))) {
    const over = hasEnded(former, isAlive);
    try {
      return await attach(over && former.host !== '' ? former.host : undefined);
    } catch (error) {
      const mayLeave = error instanceof SandboxError && error.code === 'InUse' && !over;
      if (!mayLeave || signal.aborted || performance.now() > giveUp) {
        throw error;
      }
    }
  }
}

/**
 * Whether the window that wrote a record has certainly given up the sandbox. If this process wrote the record, it has
 * left that session before it starts another.
 */
export function hasEnded({ pid }: FormerHost, isAlive = isRunning): boolean {
  return pid !== undefined && (pid === process.pid || !isAlive(pid));
}

/** A process of another user counts as running: its signal fails with `EPERM`. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
