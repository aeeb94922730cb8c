import { SandboxError } from '../protocol/errors';
import type { ExecuteReply, Failure } from '../protocol/messages';

/** The reply of a cell for which the sandbox sends none. */
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

/**
 * Exit codes of a supervisor that ends by itself or whose container is stopped. `lease.py`, `deadman.py` and `supervisor.py` of the
 * runner use the same.
 */
const ENDED_BY_ITSELF = new Map([
  [75, 'lease'],
  [76, 'idle'],
  [77, 'stuck'],
  [143, 'stopped'],
]);

/** The failure for a container whose main process ended. The exit code is -1 where the engine does not tell it. */
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
