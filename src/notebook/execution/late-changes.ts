import type * as vscode from 'vscode';

/**
 * Milliseconds for which late changes to cells are gathered, so that a thread that keeps printing costs only a few
 * executions a second.
 */
const GATHER_INTERVAL_MS = 200;

/** A change to the outputs of a cell, made through an open execution. */
export type Change = (execution: vscode.NotebookCellExecution) => void;

/**
 * Changes to cells whose runs have ended. They are gathered before an execution is opened, because an execution must
 * not stay open: VS Code silently ignores the run button of a cell with an open execution and shows the cell as
 * running.
 */
export class LateChanges {
  readonly #waiting = new Map<vscode.NotebookCell, Change[]>();
  #timer: NodeJS.Timeout | undefined;

  /** @param apply makes all changes of one cell in their order; must not throw */
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

  /** The cell runs again, was cleared or was removed. Its waiting changes are discarded. */
  drop(cell: vscode.NotebookCell): void {
    this.#waiting.delete(cell);
  }

  /** Makes all waiting changes. */
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
