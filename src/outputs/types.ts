import type { Failure, JsonObject, MimeBundle } from '../protocol/messages';
import type { StreamText } from './stream-text';

/** One output of a cell, with the names of nbformat. `failure` and `notice` are ours and get their sentences when they are shown. */
export type CellOutput =
  | { output_type: 'stream'; name: StreamName; text: string }
  | ({ output_type: 'display_data'; fallback?: string } & Display)
  | ({ output_type: 'execute_result'; fallback?: string; execution_count: number } & Display)
  | { output_type: 'error'; ename: string; evalue: string; traceback: string[] }
  | { output_type: 'failure'; failure: Failure }
  | { output_type: 'notice'; failure: Failure };
/**
 * `fallback` replaces `text/plain` where a widget cannot be drawn: it is what the widget would show now. Jupyter's notebooks do not have
 * this field.
 */
interface Display {
  data: MimeBundle;
  metadata: JsonObject;
  transient: JsonObject;
}
export type StreamName = 'stdout' | 'stderr';

/**
 * One change to what a cell shows, similar to a call of VS Code's `NotebookCellExecution`.
 * An output has an `id` that never changes, so that an edit is still valid after earlier outputs were cleared.
 */
export type CellEdit =
  /** The kernel begins to run the cell, which clears the outputs of the previous run. `t`: the supervisor's clock in seconds, undefined if not known. */
  | { kind: 'start'; t: number | undefined }
  | { kind: 'setExecutionOrder'; order: number }
  /** `stream`: the text of this output, which may grow; each later `text` edit has the same object. */
  | { kind: 'append'; id: number; output: CellOutput; stream?: StreamText }
  /**
   * The text of a stream has changed. The receiver calls `stream.changeSince` when it shows the text: computing the change takes as long as
   * the text that is sent, and a cell may change its text thousands of times a second.
   */
  | { kind: 'text'; id: number; name: StreamName; stream: StreamText }
  | { kind: 'replace'; id: number; output: CellOutput }
  /** Replaces all outputs with this one. */
  | { kind: 'replaceAll'; id: number; output: CellOutput; stream?: StreamText }
  | { kind: 'clear' }
  | { kind: 'end'; success: boolean };

/** An edit and the run whose cell it is for (`msg_id` of the execute_request). The run may have ended. */
export interface RunEdit {
  run: string;
  edit: CellEdit;
}
