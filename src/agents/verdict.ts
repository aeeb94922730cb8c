import { constants } from 'node:os';
import type { ExecuteReply, Failure } from '../protocol/messages';
import type { Run, RunStatus } from './run';

/** What the end of a run means to its caller. */
export type Verdict = Pick<Run, 'status' | 'exit_code' | 'state_lost' | 'next_step'>;

const TIMED_OUT = 124;
const INTERRUPTED = 130;
const KILLED = 137;

const KEPT = 'The variables are kept.';
const LOST = 'All variables, imports and functions are lost; the files in the sandbox are kept.';

/** The verdict on a run that has not ended. */
export const RUNNING: Verdict = {
  status: 'running',
  exit_code: null,
  state_lost: false,
  next_step: 'The code is still running. Ask for this run again by its run_id, or interrupt it.',
};

export function verdictOf(reply: ExecuteReply): Verdict {
  const { failure, status } = reply;
  if (failure !== undefined) {
    return verdictOfFailure(failure);
  }
  switch (status) {
    case 'ok':
      return { status: 'ok', exit_code: 0, state_lost: false, next_step: null };
    case 'aborted':
      return interrupted('The code did not run.', { isLost: false });
    case 'error':
      return verdictOfError(reply);
  }
}

function verdictOfError({ ename, evalue }: ExecuteReply): Verdict {
  const error = (next_step: string, exit_code = 1): Verdict => ({
    status: ename === 'KeyboardInterrupt' ? 'interrupted' : 'error',
    exit_code: ename === 'KeyboardInterrupt' ? INTERRUPTED : exit_code,
    state_lost: false,
    next_step,
  });
  switch (ename) {
    case 'SystemExit':
      return error(`The code ended by SystemExit. ${KEPT}`, exitCodeOf(evalue));
    case 'KeyboardInterrupt':
      return error(`The run was interrupted. ${KEPT}`);
    case 'ModuleNotFoundError':
      return error(`Install the package that contains the module, then run the code again. ${KEPT}`);
    case 'StdinNotImplementedError':
      return error(`Code cannot ask for input here. Put the value into the code and run it again. ${KEPT}`);
    default:
      return error(`Correct the code and run it again. ${KEPT}`);
  }
}

/** The exit status that Python gives for `SystemExit(value)`. */
function exitCodeOf(value: string): number {
  if (value === '' || value === 'None') {
    return 0;
  }
  return /^-?\d{1,9}$/.test(value) ? Number(value) & 0xff : 1;
}

function verdictOfFailure({ code, params }: Failure): Verdict {
  const isKilled = params['killed'] === true;
  switch (code) {
    case 'TimedOut': {
      const limit = `The code reached its time limit of ${Number(params['timeout'])} s.`;
      return {
        status: 'timed_out',
        exit_code: TIMED_OUT,
        state_lost: isKilled,
        next_step: `${limit} ${isKilled ? LOST : KEPT} Run it with a longer time limit, or do less in one run.`,
      };
    }
    case 'OutOfMemory':
      return {
        status: 'out_of_memory',
        exit_code: KILLED,
        state_lost: true,
        next_step: `The code needed more memory than the sandbox has. ${LOST} Use less memory at a time, for example by reading data in parts.`,
      };
    case 'KernelDied':
      return {
        status: 'kernel_died',
        exit_code: exitCodeOfDeath(params),
        state_lost: true,
        next_step: `The Python process ended. ${LOST} Run the code that made them again.`,
      };
    case 'Interrupted':
      return interrupted('The run was interrupted.', { isLost: isKilled });
    case 'Cancelled':
      return interrupted('The code did not run.', { isLost: false });
    case 'Aborted':
      return verdictOfAbort(String(params['reason']));
    case 'ProtocolViolation':
      return {
        status: 'error',
        exit_code: 1,
        state_lost: false,
        next_step: `The result was too large or not valid. ${KEPT} Print less, or write the data to a file.`,
      };
    default:
      return gone('The sandbox is no longer there.');
  }
}

function verdictOfAbort(reason: string): Verdict {
  switch (reason) {
    case 'reset':
      return interrupted('The sandbox was restarted.', { isLost: true });
    case 'died':
      return {
        status: 'kernel_died',
        exit_code: 1,
        state_lost: true,
        next_step: `The Python process ended before this code began. ${LOST} Run the code that made them again.`,
      };
    case 'shutdown':
    case 'detached':
      return gone('The sandbox was closed.');
    default:
      return interrupted('The code did not run, because an earlier run was interrupted or failed.', { isLost: false });
  }
}

const interrupted = (what: string, { isLost }: { isLost: boolean }): Verdict => ({
  status: 'interrupted' satisfies RunStatus,
  exit_code: INTERRUPTED,
  state_lost: isLost,
  next_step: `${what} ${isLost ? LOST : KEPT}`,
});

const gone = (what: string): Verdict => ({
  status: 'sandbox_gone',
  exit_code: null,
  state_lost: true,
  next_step: `${what} All variables and files in it are lost. Begin again in a new sandbox.`,
});

/** 128 + the signal's number, or the exit status of the process. */
function exitCodeOfDeath(params: Failure['params']): number {
  const number = (constants.signals as Readonly<Record<string, number>>)[String(params['signal'])];
  const status = Number(params['exitcode']);
  return number !== undefined ? 128 + number : Number.isInteger(status) && status >= 0 ? status & 0xff : 1;
}
