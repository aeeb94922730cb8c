import type { Failure, JsonObject, MimeBundle } from '../protocol/messages';

/** One output of a cell, with the names of nbformat; `failure` and `notice` are ours and get their sentence when they are shown. */
export type CellOutput =
  | { output_type: 'stream'; name: StreamName; text: string }
  | { output_type: 'display_data'; fallback?: string } & Display
  | { output_type: 'execute_result'; fallback?: string; execution_count: number } & Display
  | { output_type: 'error'; ename: string; evalue: string; traceback: string[] }
  | { output_type: 'failure'; failure: Failure }
  | { output_type: 'notice'; failure: Failure };
/** `fallback` stands in for `text/plain` where a widget cannot be drawn: what it would show by now. Saved in no notebook of Jupyter's. */
interface Display { data: MimeBundle; metadata: JsonObject; transient: JsonObject }
export type StreamName = 'stdout' | 'stderr';

/**
 * One change to what a cell shows, close to a call of VS Code's `NotebookCellExecution`.
 * An output is named by an `id` that never changes, so that an edit still fits after outputs before it were cleared.
 */
export type CellEdit =
  /** The kernel begins; the outputs of the run before go. `t`: the supervisor's clock in seconds, undefined if it never said. */
  | { kind: 'start'; t: number | undefined }
  | { kind: 'setExecutionOrder'; order: number }
  | { kind: 'append'; id: number; output: CellOutput }
  /** More text for a stream; one leading `\r` overwrites its last line (which is then never longer than the new one). */
  | { kind: 'appendText'; id: number; name: StreamName; text: string }
  | { kind: 'replaceText'; id: number; name: StreamName; text: string }
  | { kind: 'replace'; id: number; output: CellOutput }
  /** Nothing but this output is left. */
  | { kind: 'replaceAll'; id: number; output: CellOutput }
  | { kind: 'clear' }
  | { kind: 'end'; success: boolean };

/** An edit and the run (`msg_id` of the execute_request) whose cell it is for; the run may have ended. */
export interface RunEdit { run: string; edit: CellEdit }
