import { emptyStream, foldText, textOf, type StreamText } from './stream-text';
import type { CellEdit, CellOutput } from './types';

/** What one run has left in its cell, as it would be there had every edit been written: for a window that comes later. */
export class CellDocument {
  /** Supervisor's clock in seconds; undefined: it never began, or never said when. */
  t: number | undefined;
  started = false;
  order: number | undefined;
  success: boolean | undefined;
  readonly #outputs = new Map<number, { output: CellOutput; text: StreamText }>();

  /** By the ids that later edits use. */
  get outputs(): Map<number, CellOutput> {
    return new Map([...this.#outputs].map(([id, { output, text }]) => [id, output.output_type === 'stream' ? { ...output, text: textOf(text) } : output]));
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
      case 'append': case 'replaceAll':
        if (edit.kind === 'replaceAll') { this.#outputs.clear(); }
        this.#outputs.set(edit.id, { output: edit.output, text: edit.output.output_type === 'stream' ? foldText(emptyStream, edit.output.text).stream : emptyStream });
        return;
      case 'appendText': case 'replaceText': {
        const known = this.#outputs.get(edit.id);
        if (known !== undefined) { known.text = foldText(edit.kind === 'appendText' ? known.text : emptyStream, edit.text).stream; }
        return;
      }
      case 'replace': {
        const known = this.#outputs.get(edit.id);
        if (known !== undefined) { known.output = edit.output; }
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
