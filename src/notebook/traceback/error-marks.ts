import * as vscode from 'vscode';
import type { ExecuteReply } from '../../protocol/messages';
import { diagnostic } from '../../ui/documentation';
import { cellTags } from '../cell-metadata';
import type { NotebookEventSource } from '../notebook-events';
import { failingLine } from './failing-line';

/**
 * Underlines the line of a cell that raised an error. The mark goes when the cell runs again, is cleared, or loses the
 * kernel in which it ran.
 */
export class ErrorMarks implements vscode.Disposable {
  readonly #marks = vscode.languages.createDiagnosticCollection('sandboxed-ipython');

  /** Marks the lines of a notebook's cells. */
  listen(events: NotebookEventSource): void {
    events.on('didEndRun', ({ run, reply }) => this.show(run.cell, reply));
  }

  /** To be called when a cell has ended. A cell that was interrupted or is meant to raise has no wrong line. */
  show(cell: vscode.NotebookCell, { status, execution_count: count, ename, evalue, traceback }: ExecuteReply): void {
    if (
      status !== 'error' ||
      count === null ||
      cell.index < 0 ||
      ename === 'KeyboardInterrupt' ||
      cellTags(cell).includes('raises-exception')
    ) {
      return;
    }
    const line = failingLine(traceback, count);
    if (line === undefined || line < 0 || line >= cell.document.lineCount) {
      return;
    }
    const { range, firstNonWhitespaceCharacterIndex: start } = cell.document.lineAt(line);
    const text = evalue === '' ? ename : `${ename}: ${evalue}`;
    this.#marks.set(cell.document.uri, [
      diagnostic(range.with(range.start.translate(0, start)), text, 'Sandboxed IPython'),
    ]);
  }

  /** The notebook was closed, or another kernel was selected. */
  clearAll(notebook: vscode.NotebookDocument): void {
    for (const cell of notebook.getCells()) {
      this.clear(cell);
    }
  }

  /** The cell runs again, was cleared, or was removed. */
  clear(cell: vscode.NotebookCell): void {
    if (this.#marks.has(cell.document.uri)) {
      // VS Code is sent every deletion, even one that changes nothing.
      this.#marks.delete(cell.document.uri);
    }
  }

  dispose(): void {
    this.#marks.dispose();
  }
}
