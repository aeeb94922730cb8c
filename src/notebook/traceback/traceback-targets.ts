import * as vscode from 'vscode';
import type { EventOf } from '../../protocol/messages';
import { PerKernel } from '../../protocol/per-kernel';
import type { NotebookFolder } from '../files/notebook-folder';
import type { NotebookEventSource, NotebookState } from '../notebook-events';
import type { LinkTargets } from './traceback-links';

/** Most counts that are remembered. A sandbox may claim any number. */
const MAX_REMEMBERED_COUNTS = 10_000;

interface RunCells {
  gen: number;
  readonly cells: Map<number, vscode.NotebookCell>;
}

/** Resolves `Cell In[n]` and file paths in the tracebacks of one notebook's kernels. */
export class TracebackTargets implements LinkTargets {
  #sandbox: string | undefined;
  /** For each kernel of the sandbox, the cells by their counts in the latest process. */
  readonly #kernels = new PerKernel<RunCells>(() => ({ gen: -1, cells: new Map() }));
  /** The cells of the kernel that ran a cell last. */
  #cells: RunCells['cells'] = new Map();
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
    { kernel, gen, content: { execution_count: count } }: EventOf<'execute_input'>,
    cell: vscode.NotebookCell,
  ): void {
    if (sandbox !== this.#sandbox) {
      this.#sandbox = sandbox;
      this.#kernels.clear();
    }
    const ran = this.#kernels.of(kernel);
    if (gen !== ran.gen) {
      ran.gen = gen;
      ran.cells.clear();
    }
    this.#cells = ran.cells;
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
