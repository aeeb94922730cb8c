import type { JsonValue } from '../protocol/messages';

/**
 * - `ok`, `error`: the code has ended by itself.
 * - `running`: the code has not ended yet.
 * - `interrupted`: the run was interrupted, or ended by a restart, or cancelled before it began.
 * - `timed_out`, `out_of_memory`, `kernel_died`: what ended the run.
 * - `sandbox_gone`: the sandbox, or the engine on which it runs, is no longer there.
 */
export type RunStatus =
  'ok' | 'error' | 'running' | 'interrupted' | 'timed_out' | 'out_of_memory' | 'kernel_died' | 'sandbox_gone';

/** An output other than text on stdout and stderr: its values by MIME type as in nbformat, binary ones as base64. */
export interface RunResult {
  /** Whether this is the value of the code's last expression. */
  is_main_result: boolean;
  [mime: string]: JsonValue;
}

export interface RunError {
  /** Name of the exception's class. */
  name: string;
  value: string;
  /** The traceback as plain text. */
  traceback: string;
}

/**
 * One run of code in a sandbox, finished or not. The names are those of E2B's code interpreter, which agent frameworks know; `status`,
 * `state_lost` and `next_step` say what that one leaves open. All texts come from the sandbox and are not to be trusted, except `status`,
 * `next_step` and `notices`.
 */
export interface Run {
  kind: 'run';
  sandbox_id: string;
  run_id: string;
  status: RunStatus;
  /**
   * As of a process: 0 = ok, 1 = exception, n = `SystemExit(n)`, 124 = timed out, 130 = interrupted, 137 = out of memory, 128 + n = killed by
   * signal n. Null while the code runs, and if the sandbox is gone.
   */
  exit_code: number | null;
  /** IPython's number of the cell; null if the code has not begun. */
  execution_count: number | null;
  stdout: string;
  stderr: string;
  results: RunResult[];
  error: RunError | null;
  /** What was left out of stdout and stderr; null if nothing was. */
  truncated: { chars: number; how_to_get_the_rest: string } | null;
  /** Milliseconds from the request to the end, or until now. */
  duration_ms: number;
  /** Whether the variables, imports and functions from before this run are gone. */
  state_lost: boolean;
  /** What the caller can do now; null if there is nothing to say. */
  next_step: string | null;
  /** Information about the sandbox that concerns the run, such as output that exceeds a limit. */
  notices: string[];
}
