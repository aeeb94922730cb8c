import * as vscode from 'vscode';
import type { EventOf } from '../../protocol/messages';
import type { NotebookFolder } from '../files/notebook-folder';
import type { NotebookEventSource, NotebookState } from '../notebook-events';
import type { LinkTargets } from './traceback-links';

/** Most counts that are remembered. A sandbox may claim any number. */
const MAX_REMEMBERED_COUNTS = 10_000;

/** Resolves `Cell In[n]` and file paths in the tracebacks of one notebook's kernels. */
export class TracebackTargets implements LinkTargets {
  #kernel = '';
  /** Cells by their counts in the current kernel. */
  readonly #cells = new Map<number, vscode.NotebookCell>();
  /** The count that a cell shows. VS Code reports it to extensions a little later. */
  readonly #shown = new WeakMap<vscode.NotebookCell, number>();

  constructor(
    private readonly notebook: vscode.NotebookDocument,
    private readonly folder: NotebookFolder,
  ) {}

  /** Remembers which cells run from now on. */
  listen(events: NotebookEventSource, state: NotebookState): void {
    events.on('willShow', (event) => {
      const run = event.msg_type === 'execute_input' ? state.executions.ofEvent(event) : undefined;
      if (event.msg_type === 'execute_input' && run !== undefined) {
        this.cellRan(state.session?.id, event, run.cell);
      }
    });
  }

  /** A cell runs. In another sandbox, or after a restart, counts begin again. */
  cellRan(
    sandbox: string | undefined,
    { gen, content: { execution_count: count } }: EventOf<'execute_input'>,
    cell: vscode.NotebookCell,
  ): void {
    const kernel = `${sandbox} ${gen}`;
    if (kernel !== this.#kernel) {
      this.#kernel = kernel;
      this.#cells.clear();
    }
    this.#cells.set(count, cell);
    const [oldest] = this.#cells.keys();
    if (this.#cells.size > MAX_REMEMBERED_COUNTS && oldest !== undefined) {
      this.#cells.delete(oldest);
    }
    this.#shown.set(cell, count);
  }

  cell(count: number): ReturnType<LinkTargets['cell']> {
    const cell = this.#cells.get(count);
    if (cell === undefined) {
      // The cell ran before this window opened.
      return { native: true };
    }
    if (cell.index < 0) {
      return undefined;
    }
    // VS Code takes the last cell that shows this count, whichever kernel assigned it.
    const taken = this.notebook
      .getCells()
      .findLast((one) => (this.#shown.get(one) ?? one.executionSummary?.executionOrder) === count);
    if (taken === cell) {
      return { native: true };
    }
    // In Restricted Mode, VS Code shows links as text.
    return vscode.workspace.isTrusted ? { uri: cell.document.uri.toString() } : undefined;
  }

  file(path: string): string | undefined {
    return this.folder.originalOf(path);
  }
}
