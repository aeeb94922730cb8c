import * as vscode from 'vscode';
import type { Log } from '../../log';
import { LateChanges, type Change } from './late-changes';

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
  #startTime: number | undefined;
  readonly #ending = new vscode.CancellationTokenSource();

  constructor(
    readonly cell: vscode.NotebookCell,
    readonly execution: vscode.NotebookCellExecution,
    private readonly onEnd: (ended: Ending) => void,
  ) {
    this.source = cell.document.getText();
  }

  get state(): 'pending' | 'running' | 'ended' {
    return this.#state;
  }
  /** Cancelled when the run ends: what waits for the user on its behalf goes. */
  get ended(): vscode.CancellationToken {
    return this.#ending.token;
  }

  start(time = Date.now()): void {
    if (this.#state !== 'pending') {
      return;
    }
    this.#state = 'running';
    this.#startTime = time;
    this.execution.start(time);
  }

  end(success: boolean, time = Date.now()): void {
    if (this.#state === 'ended') {
      return;
    }
    this.#state = 'ended';
    const order = this.execution.executionOrder;
    this.execution.end(success, time);
    this.onEnd({ order, start: this.#startTime, end: time, success });
    this.#ending.cancel();
    this.#ending.dispose();
  }
}

export function endAll(runs: readonly CellRun[]): void {
  for (const run of runs) {
    run.end(false);
  }
}

export interface PastTimes {
  order: number | undefined;
  start: number;
  end: number;
  success: boolean;
}
/** What a run ended with, as VS Code shows it below the cell. Times are local milliseconds. */
interface Ending {
  order: number | undefined;
  start: number | undefined;
  end: number | undefined;
  success: boolean | undefined;
}

/** Milliseconds after a short execution in which VS Code may still delete the cell's count for it; usually it takes some ten. */
const COUNT_REPAIR_WINDOW_MS = 10_000;

/** The live runs of one notebook, in the order in which they were asked for. Nothing else makes or ends an execution. */
export class Executions {
  readonly #live = new Set<CellRun>();
  /**
   * What the last run of each cell ended with. It is not read back from `executionSummary` when it is needed: VS Code empties that
   * when an execution begins, and tells extensions only later of what it has become.
   */
  readonly #ended = new WeakMap<vscode.NotebookCell, Ending>();
  /** Cells for which a short execution was opened, and when (milliseconds). */
  readonly #reopened = new WeakMap<vscode.NotebookCell, number>();
  readonly #late = new LateChanges((cell, changes) => {
    this.#applyLate(cell, changes);
  });

  constructor(
    private readonly controller: vscode.NotebookController,
    private readonly log: Log,
  ) {}

  /** Shows the cell as pending. Undefined if it runs already or is gone. */
  begin(cell: vscode.NotebookCell): CellRun | undefined {
    if (cell.index < 0 || cell.kind !== vscode.NotebookCellKind.Code || this.of(cell) !== undefined) {
      return undefined;
    }
    this.#late.drop(cell);
    const run: CellRun = new CellRun(cell, this.controller.createNotebookCellExecution(cell), (ended) => {
      this.#live.delete(run);
      this.#ended.set(cell, ended);
    });
    this.#live.add(run);
    return run;
  }

  /** A run that began and ended while no window was there: what it left is written by `change`. Times are local milliseconds. */
  replay(cell: vscode.NotebookCell, times: PastTimes, change: Change): void {
    this.#ended.set(cell, times);
    this.#changeBriefly(cell, times, [change]);
  }

  /** Whether a run of the cell has ended in this window, or what one left was shown: VS Code may not have told yet of all its outputs. */
  hasRun(cell: vscode.NotebookCell): boolean {
    return this.#ended.has(cell);
  }

  of(cell: vscode.NotebookCell): CellRun | undefined {
    return this.all().find((run) => run.cell === cell);
  }
  all(): CellRun[] {
    return [...this.#live];
  }
  running(): CellRun | undefined {
    return this.all().find(({ state }) => state === 'running');
  }

  /**
   * Lets something change the outputs of a cell whose run has ended: through the run that is live, else a little later through a
   * short execution that leaves the cell's count, times and success as they were.
   */
  reopen(cell: vscode.NotebookCell, change: Change): void {
    const running = this.running();
    if (running === undefined) {
      this.#late.add(cell, change);
      return;
    }
    this.#late.flush(); // what came before is shown before
    change(running.execution);
  }

  /** The user cleared the cell, which clears its count and times too, or the cell is gone. */
  forget(cell: vscode.NotebookCell): void {
    this.#late.drop(cell);
    this.#ended.set(cell, { order: undefined, start: undefined, end: undefined, success: undefined });
  }

  /** Shows what came late and waits to be shown. */
  flushLate(): void {
    this.#late.flush();
  }

  /**
   * VS Code's own writer of `.ipynb` files keeps a cell's count in its metadata. It sees a short execution begin and deletes the
   * count, in an edit that is made later, and so misses that the execution has ended with the same count. To be called when the
   * metadata of a cell has changed.
   */
  async repairCount(cell: vscode.NotebookCell): Promise<void> {
    const order = this.#ended.get(cell)?.order;
    const at = this.#reopened.get(cell);
    if (
      order === undefined ||
      at === undefined ||
      Date.now() - at > COUNT_REPAIR_WINDOW_MS ||
      this.of(cell) !== undefined ||
      cell.index < 0
    ) {
      return;
    }
    const metadata: Readonly<Record<string, unknown>> = cell.metadata;
    if (typeof metadata['execution_count'] === 'number') {
      return;
    }
    const edit = new vscode.WorkspaceEdit();
    edit.set(cell.notebook.uri, [
      vscode.NotebookEdit.updateCellMetadata(cell.index, { ...metadata, execution_count: order }),
    ]);
    await vscode.workspace.applyEdit(edit);
  }

  #applyLate(cell: vscode.NotebookCell, changes: readonly Change[]): void {
    try {
      const running = this.running();
      if (running === undefined) {
        this.#changeBriefly(cell, this.#endingOf(cell), changes);
      } else {
        for (const change of changes) {
          change(running.execution);
        }
      }
    } catch (error) {
      // the cell was removed or taken by another kernel meanwhile
      this.log.debug(`late output found no cell: ${String(error)}`);
    }
  }

  /** Of a cell that ran before this window came, VS Code's own record is asked once, before we change it. */
  #endingOf(cell: vscode.NotebookCell): Ending {
    const known = this.#ended.get(cell);
    if (known !== undefined) {
      return known;
    }
    const { executionOrder: order, success, timing } = cell.executionSummary ?? {};
    const ended = { order, start: timing?.startTime, end: timing?.endTime, success };
    this.#ended.set(cell, ended);
    return ended;
  }

  /** Opens an execution and ends it in the same turn, so that nobody sees the cell running. */
  #changeBriefly(cell: vscode.NotebookCell, { order, start, end, success }: Ending, changes: readonly Change[]): void {
    const execution = this.controller.createNotebookCellExecution(cell);
    this.#reopened.set(cell, Date.now());
    execution.executionOrder = order;
    execution.start(start);
    try {
      for (const change of changes) {
        change(execution);
      }
    } finally {
      execution.end(success, end);
    }
  }
}
