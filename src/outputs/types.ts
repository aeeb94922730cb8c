import type { Failure, JsonObject, MimeBundle } from '../protocol/messages';
import type { StreamText } from './stream-text';

/** One output of a cell, with the names of nbformat; `failure` and `notice` are ours and get their sentence when they are shown. */
export type CellOutput =
  | { output_type: 'stream'; name: StreamName; text: string }
  | ({ output_type: 'display_data'; fallback?: string } & Display)
  | ({ output_type: 'execute_result'; fallback?: string; execution_count: number } & Display)
  | { output_type: 'error'; ename: string; evalue: string; traceback: string[] }
  | { output_type: 'failure'; failure: Failure }
  | { output_type: 'notice'; failure: Failure };
/** `fallback` stands in for `text/plain` where a widget cannot be drawn: what it would show by now. Saved in no notebook of Jupyter's. */
interface Display {
  data: MimeBundle;
  metadata: JsonObject;
  transient: JsonObject;
}
export type StreamName = 'stdout' | 'stderr';

/**
 * One change to what a cell shows, close to a call of VS Code's `NotebookCellExecution`.
 * An output is named by an `id` that never changes, so that an edit still fits after outputs before it were cleared.
 */
export type CellEdit =
  /** The kernel begins; the outputs of the run before go. `t`: the supervisor's clock in seconds, undefined if it never said. */
  | { kind: 'start'; t: number | undefined }
  | { kind: 'setExecutionOrder'; order: number }
  /** `stream`: the text of this output, which may go on; it is the same object in each later `text` edit. */
  | { kind: 'append'; id: number; output: CellOutput; stream?: StreamText }
  /**
   * The text of a stream has changed. Whoever shows it asks `stream.changeSince` when it is time to show it: to find out what has
   * changed takes as long as the text that is sent, and a cell may change its text thousands of times a second.
   */
  | { kind: 'text'; id: number; name: StreamName; stream: StreamText }
  | { kind: 'replace'; id: number; output: CellOutput }
  /** Nothing but this output is left. */
  | { kind: 'replaceAll'; id: number; output: CellOutput; stream?: StreamText }
  | { kind: 'clear' }
  | { kind: 'end'; success: boolean };

/** An edit and the run (`msg_id` of the execute_request) whose cell it is for; the run may have ended. */
export interface RunEdit {
  run: string;
  edit: CellEdit;
}
