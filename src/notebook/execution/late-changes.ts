import type * as vscode from 'vscode';

/** Milliseconds for which what comes late for a cell is gathered, so that a thread that goes on printing costs a few executions a second. */
const GATHER_INTERVAL_MS = 200;

/** A change to the outputs of a cell, through an execution that is live. */
export type Change = (execution: vscode.NotebookCellExecution) => void;

/**
 * Changes to cells whose runs have ended. They are gathered before an execution is opened for them, and not while one is open:
 * VS Code silently ignores the run button of a cell that has an open execution, and shows such a cell as running.
 */
export class LateChanges {
  readonly #waiting = new Map<vscode.NotebookCell, Change[]>();
  #timer: NodeJS.Timeout | undefined;

  /** @param apply makes all changes of one cell, in their order; must not throw */
  constructor(private readonly apply: (cell: vscode.NotebookCell, changes: readonly Change[]) => void) {}

  add(cell: vscode.NotebookCell, change: Change): void {
    const waiting = this.#waiting.get(cell);
    if (waiting === undefined) {
      this.#waiting.set(cell, [change]);
    } else {
      waiting.push(change);
    }
    this.#timer ??= setTimeout(() => {
      this.flush();
    }, GATHER_INTERVAL_MS);
  }

  /** The cell is run anew, was cleared or is gone: what came late for it before is not shown any more. */
  drop(cell: vscode.NotebookCell): void {
    this.#waiting.delete(cell);
  }

  /** Makes all changes that wait. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const [cell, changes] of waiting) {
      this.apply(cell, changes);
    }
  }
}
