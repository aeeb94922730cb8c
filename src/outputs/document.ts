import type { StreamText, TextMark } from './stream-text';
import type { CellEdit, CellOutput } from './types';

/** An output as it is shown. `mark` belongs to its stream, whose text may grow. */
export interface DocumentOutput {
  output: CellOutput;
  mark: TextMark | undefined;
}

/** What one run shows in its cell after all its edits, for a window that restores the cell later. */
export class CellDocument {
  /** The begin of the run on the supervisor's clock in seconds; undefined if the run has not begun or the time is not known. */
  t: number | undefined;
  started = false;
  order: number | undefined;
  success: boolean | undefined;
  readonly #outputs = new Map<number, { output: CellOutput; stream: StreamText | undefined }>();

  /** The outputs by the ids that later edits use. */
  get outputs(): Map<number, DocumentOutput> {
    return new Map(
      [...this.#outputs].map(([id, { output, stream }]) => [
        id,
        output.output_type === 'stream' && stream !== undefined
          ? { output: { ...output, text: stream.text() }, mark: stream.mark() }
          : { output, mark: undefined },
      ]),
    );
  }

  get size(): number {
    return this.#outputs.size;
  }

  apply(edit: CellEdit): void {
    switch (edit.kind) {
      case 'start':
        this.started = true;
        this.t = edit.t;
        this.#outputs.clear();
        return;
      case 'setExecutionOrder':
        this.order = edit.order;
        return;
      case 'append':
      case 'replaceAll':
        if (edit.kind === 'replaceAll') {
          this.#outputs.clear();
        }
        this.#outputs.set(edit.id, { output: edit.output, stream: edit.stream });
        return;
      case 'text': // the stream object is known and gives its text when it is needed
        return;
      case 'replace': {
        const known = this.#outputs.get(edit.id);
        if (known !== undefined) {
          known.output = edit.output;
        }
        return;
      }
      case 'clear':
        this.#outputs.clear();
        return;
      case 'end':
        this.success = edit.success;
    }
  }
}
