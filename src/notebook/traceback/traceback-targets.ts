import * as vscode from 'vscode';
import type { EventOf } from '../../protocol/messages';
import type { NotebookFolder } from '../files/folder-copy';
import type { LinkTargets } from './traceback-links';

/** Counts that are remembered: a sandbox may claim any. */
const MAX_REMEMBERED_COUNTS = 10_000;

/** What the tracebacks of one notebook's kernels mean by `Cell In[n]` and by a file. */
export class TracebackTargets implements LinkTargets {
  #kernel = '';
  /** By the counts of the kernel that runs now. */
  readonly #cells = new Map<number, vscode.NotebookCell>();
  /** The count that a cell shows, which VS Code tells extensions a little later. */
  readonly #shown = new WeakMap<vscode.NotebookCell, number>();

  constructor(
    private readonly notebook: vscode.NotebookDocument,
    private readonly folder: NotebookFolder,
  ) {}

  /** A cell runs. In another sandbox, or after a restart, counts start anew. */
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
      return { native: true };
    } // it ran before this window was there
    if (cell.index < 0) {
      return undefined;
    }
    // VS Code takes the last cell that shows this count, whichever kernel gave it
    const taken = this.notebook
      .getCells()
      .findLast((one) => (this.#shown.get(one) ?? one.executionSummary?.executionOrder) === count);
    if (taken === cell) {
      return { native: true };
    }
    return vscode.workspace.isTrusted ? { uri: cell.document.uri.toString() } : undefined; // elsewhere VS Code shows links as text
  }

  file(path: string): string | undefined {
    return this.folder.beside(path);
  }
}
