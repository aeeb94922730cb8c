import * as vscode from 'vscode';

/**
 * One run of one cell, from "pending" to its end. Its execution ends exactly once: a forgotten end is a spinner for ever,
 * a second one throws.
 */
export class CellRun {
  /** The source when the run was asked for. */
  readonly source: string;
  readonly created = Date.now();
  /** Names the run in its sandbox; undefined while there is none. */
  msgId: string | undefined;
  #state: 'pending' | 'running' | 'ended' = 'pending';
  readonly #ending = new vscode.CancellationTokenSource();

  constructor(readonly cell: vscode.NotebookCell, readonly execution: vscode.NotebookCellExecution, private readonly onEnd: () => void) {
    this.source = cell.document.getText();
  }

  get state(): 'pending' | 'running' | 'ended' { return this.#state; }
  /** Cancelled when the run ends: what waits for the user on its behalf goes. */
  get ended(): vscode.CancellationToken { return this.#ending.token; }

  start(time = Date.now()): void {
    if (this.#state !== 'pending') { return; }
    this.#state = 'running';
    this.execution.start(time);
  }

  end(success: boolean, time = Date.now()): void {
    if (this.#state === 'ended') { return; }
    this.#state = 'ended';
    this.execution.end(success, time);
    this.onEnd();
    this.#ending.cancel();
    this.#ending.dispose();
  }
}

export function endAll(runs: readonly CellRun[]): void {
  for (const run of runs) { run.end(false); }
}

export interface PastTimes { order: number | undefined; start: number; end: number; success: boolean }

/** The live runs of one notebook, in the order in which they were asked for. Nothing else makes or ends an execution. */
export class Executions {
  readonly #live = new Set<CellRun>();

  constructor(private readonly controller: vscode.NotebookController) {}

  /** Shows the cell as pending. Undefined if it runs already or is gone. */
  begin(cell: vscode.NotebookCell): CellRun | undefined {
    if (cell.index < 0 || cell.kind !== vscode.NotebookCellKind.Code || this.of(cell) !== undefined) { return undefined; }
    const run: CellRun = new CellRun(cell, this.controller.createNotebookCellExecution(cell), () => { this.#live.delete(run); });
    this.#live.add(run);
    return run;
  }

  /** A run that began and ended while no window was there: what it left is written by `change`. Times are local milliseconds. */
  replay(cell: vscode.NotebookCell, { order, start, end, success }: PastTimes, change: (execution: vscode.NotebookCellExecution) => void): void {
    const execution = this.controller.createNotebookCellExecution(cell);
    execution.executionOrder = order;
    execution.start(start);
    try {
      change(execution);
    } finally {
      execution.end(success, end);
    }
  }

  of(cell: vscode.NotebookCell): CellRun | undefined { return this.all().find((run) => run.cell === cell); }
  all(): CellRun[] { return [...this.#live]; }
  running(): CellRun | undefined { return this.all().find(({ state }) => state === 'running'); }

  /**
   * Lets something change the outputs of a cell whose run has ended: through the run that is live, else through a
   * short one that leaves the cell's count, times and success as they were.
   */
  reopen(cell: vscode.NotebookCell, change: (execution: vscode.NotebookCellExecution) => void): void {
    const running = this.running();
    if (running !== undefined) {
      change(running.execution);
      return;
    }
    const { executionOrder, success, timing } = cell.executionSummary ?? {};
    const execution = this.controller.createNotebookCellExecution(cell);
    execution.executionOrder = executionOrder;
    execution.start(timing?.startTime);
    try {
      change(execution);
    } finally {
      execution.end(success, timing?.endTime);
    }
  }
}
