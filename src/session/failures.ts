import { SandboxError } from '../protocol/errors';
import type { ExecuteReply, Failure } from '../protocol/messages';

/** The reply of a cell about which the sandbox says nothing any more. */
export function replyOf(failure: Failure): ExecuteReply {
  return {
    status: failure.code === 'Aborted' || failure.code === 'Cancelled' ? 'aborted' : 'error',
    execution_count: null,
    ename: failure.code,
    evalue: '',
    traceback: [],
    payload: [],
    user_expressions: {},
    failure: { code: failure.code, params: failure.params },
  };
}

/** Statuses with which a supervisor ends by itself or when its container is stopped; `lease.py`, `deadman.py` and `supervisor.py` of the runner have the same. */
const ENDED_BY_ITSELF = new Map([
  [75, 'lease'],
  [76, 'idle'],
  [77, 'stuck'],
  [143, 'stopped'],
]);

/** The container's main process ended; -1: nobody says how. */
export const exited = (exitCode: number | null): SandboxError =>
  new SandboxError('SandboxGone', {
    reason: ENDED_BY_ITSELF.get(exitCode ?? -1) ?? 'exited',
    exitCode: exitCode ?? -1,
  });

export const aborted = (reason: 'interrupt' | 'reset' | 'died' | 'shutdown' | 'detached'): ExecuteReply =>
  replyOf({ code: 'Aborted', params: { reason } });

export function asSandboxError(error: unknown): SandboxError {
  if (error instanceof SandboxError) {
    return error;
  }
  return new SandboxError(
    'EngineFailed',
    { reason: error instanceof Error ? error.message : String(error) },
    { cause: error },
  );
}
