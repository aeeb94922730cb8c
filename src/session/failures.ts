import { SandboxError } from '../protocol/errors';
import type { ExecuteReply, Failure } from '../protocol/messages';

/** The reply of a cell about which the sandbox says nothing any more. */
export function replyOf(failure: Failure): ExecuteReply {
  return {
    status: failure.code === 'Aborted' || failure.code === 'Cancelled' ? 'aborted' : 'error', execution_count: null,
    ename: failure.code, evalue: '', traceback: [], payload: [], user_expressions: {},
    failure: { code: failure.code, params: failure.params },
  };
}

export const aborted = (reason: 'interrupt' | 'reset' | 'died' | 'shutdown'): ExecuteReply => replyOf({ code: 'Aborted', params: { reason } });

export function asSandboxError(error: unknown): SandboxError {
  if (error instanceof SandboxError) return error;
  return new SandboxError('EngineFailed', { reason: error instanceof Error ? error.message : String(error) }, { cause: error });
}
