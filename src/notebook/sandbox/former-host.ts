import { setTimeout as sleep } from 'node:timers/promises';
import { SandboxError } from '../../protocol/errors';

/** What a record says of the window that wrote it. */
export interface FormerHost {
  /** '' = not known. */
  host: string;
  /** Process id of its extension host; undefined: not known. */
  pid?: number;
}

/** Milliseconds that a window which closes or reloads may take to leave its sandbox; then it counts as another one. */
const LEAVE_TIMEOUT_MS = 3_000;
const RETRY_INTERVAL_MS = 100;

/**
 * Attaches as the host that had the sandbox before, whose stream nobody may have closed yet, but only once that host's window is
 * surely over: two windows of one workspace read the same record, and one must not take the other's place without a question.
 * @param attach rejects with a SandboxError, `InUse` where another host writes; `host` undefined: under an id of its own
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

/** Whether the window that wrote a record surely has the sandbox no more. A session of this very process was left before another is begun. */
export function hasEnded({ pid }: FormerHost, isAlive = isRunning): boolean {
  return pid !== undefined && (pid === process.pid || !isAlive(pid));
}

/** Another user's process runs too. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
