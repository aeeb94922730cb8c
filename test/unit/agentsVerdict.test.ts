import assert from 'node:assert/strict';
import { verdictOf } from '../../src/agents/verdict';
import { replyOf } from '../../src/session/failures';
import type { ExecuteReply, Failure } from '../../src/protocol/messages';
import { reply } from './outputsModel';

const OK = reply();
const raised = (ename: string, evalue = ''): ExecuteReply => ({ ...OK, status: 'error', ename, evalue });

describe('the verdict on a run', () => {
  it('is ok, with nothing to do next', () => {
    assert.deepEqual(verdictOf(OK), { status: 'ok', exit_code: 0, state_lost: false, next_step: null });
  });

  const raises: [ename: string, evalue: string, status: string, exitCode: number][] = [
    ['ZeroDivisionError', 'division by zero', 'error', 1],
    ['ModuleNotFoundError', "No module named 'six'", 'error', 1],
    ['SystemExit', '3', 'error', 3],
    ['SystemExit', '-1', 'error', 255],
    ['SystemExit', '', 'error', 0],
    ['SystemExit', 'None', 'error', 0],
    ['SystemExit', 'a reason', 'error', 1],
    ['KeyboardInterrupt', '', 'interrupted', 130],
  ];
  for (const [ename, evalue, status, exitCode] of raises) {
    it(`of ${ename}(${evalue}) has the exit code of a process and keeps the state`, () => {
      const verdict = verdictOf(raised(ename, evalue));
      assert.deepEqual([verdict.status, verdict.exit_code, verdict.state_lost], [status, exitCode, false]);
      assert.match(verdict.next_step ?? '', /The variables are kept\.$/);
    });
  }

  it('tells an agent to install the package of a missing module', () => {
    assert.match(verdictOf(raised('ModuleNotFoundError')).next_step ?? '', /^Install the package/);
  });

  const failures: [failure: Failure, status: string, exitCode: number | null, stateLost: boolean][] = [
    [{ code: 'TimedOut', params: { timeout: 2, killed: false } }, 'timed_out', 124, false],
    [{ code: 'TimedOut', params: { timeout: 2, killed: true } }, 'timed_out', 124, true],
    [{ code: 'OutOfMemory', params: {} }, 'out_of_memory', 137, true],
    [{ code: 'KernelDied', params: { signal: 'SIGSEGV', exitcode: -11 } }, 'kernel_died', 139, true],
    [{ code: 'KernelDied', params: { signal: '', exitcode: 3 } }, 'kernel_died', 3, true],
    [{ code: 'KernelDied', params: { signal: 'SIGNONSENSE', exitcode: -1 } }, 'kernel_died', 1, true],
    [{ code: 'Interrupted', params: { killed: false } }, 'interrupted', 130, false],
    [{ code: 'Interrupted', params: { killed: true } }, 'interrupted', 130, true],
    [{ code: 'Aborted', params: { reason: 'interrupt' } }, 'interrupted', 130, false],
    [{ code: 'Aborted', params: { reason: 'reset' } }, 'interrupted', 130, true],
    [{ code: 'Aborted', params: { reason: 'died' } }, 'kernel_died', 1, true],
    [{ code: 'Aborted', params: { reason: 'shutdown' } }, 'sandbox_gone', null, true],
    [{ code: 'ProtocolViolation', params: {} }, 'error', 1, false],
    [{ code: 'SandboxGone', params: { reason: 'stopped' } }, 'sandbox_gone', null, true],
    [{ code: 'EngineNotFound', params: {} }, 'sandbox_gone', null, true],
    [{ code: 'a code of a hostile sandbox', params: { reason: '[link](command:x)' } }, 'sandbox_gone', null, true],
  ];
  for (const [failure, status, exitCode, stateLost] of failures) {
    it(`of the failure ${JSON.stringify(failure)} says ${status}, and whether the state is lost`, () => {
      const verdict = verdictOf(replyOf(failure));
      assert.deepEqual([verdict.status, verdict.exit_code, verdict.state_lost], [status, exitCode, stateLost]);
      assert.match(verdict.next_step ?? '', stateLost ? / lost/ : /are kept/);
      assert.ok(!(verdict.next_step ?? '').includes('command:'), 'no text of the sandbox is part of the advice');
    });
  }
});
