import * as vscode from 'vscode';
import type { ExecuteReply } from '../../protocol/messages';
import { diagnostic } from '../../ui/documentation';
import { cellTags } from '../cell-metadata';
import { failingLine } from './failing-line';

/** The squiggle at the line of a cell that raised; it goes when the cell runs again, is cleared, or loses the kernel that it ran in. */
export class ErrorMarks implements vscode.Disposable {
  readonly #marks = vscode.languages.createDiagnosticCollection('sandboxed-ipython');

  /** The cell has ended. What was interrupted, or is meant to raise, has no wrong line. */
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

  /** The notebook is closed, or has another kernel. */
  clearAll(notebook: vscode.NotebookDocument): void {
    for (const cell of notebook.getCells()) {
      this.clear(cell);
    }
  }

  /** The cell runs again, was cleared, or is gone. */
  clear(cell: vscode.NotebookCell): void {
    if (this.#marks.has(cell.document.uri)) {
      this.#marks.delete(cell.document.uri);
    } // VS Code is sent each deletion
  }

  dispose(): void {
    this.#marks.dispose();
  }
}
