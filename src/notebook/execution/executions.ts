import * as vscode from 'vscode';
import type { Log } from '../../log';
import type { SandboxEvent } from '../../protocol/messages';
import { LateChanges, type Change } from './late-changes';

/**
 * One run of one cell, from "pending" to its end. Its execution must be ended exactly once: VS Code shows a spinner
 * forever if it is never ended, and throws if it is ended twice.
 */
export class CellRun {
  /** The cell's source when the run was requested. */
  readonly source: string;
  readonly created = Date.now();
  /** Id of the run's `execute_request`; undefined until the run is sent to a sandbox. */
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
  /** Cancelled when the run ends. Prompts that wait for the user on behalf of the run close then. */
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
/** The end of a run as VS Code shows it below the cell. Times are local milliseconds. */
interface Ending {
  order: number | undefined;
  start: number | undefined;
  end: number | undefined;
  success: boolean | undefined;
}

/**
 * Milliseconds after a short execution in which VS Code may still delete the cell's count because of it. Usually this
 * takes about ten milliseconds.
 */
const COUNT_REPAIR_WINDOW_MS = 10_000;

/**
 * The runs of one notebook that have not ended, in the order in which they were requested. No other code creates or
 * ends executions.
 */
export class Executions {
  readonly #live = new Set<CellRun>();
  /**
   * How the last run of each cell ended. This is not read from `executionSummary`, because VS Code clears that when an
   * execution begins and tells extensions the new value only later.
   */
  readonly #ended = new WeakMap<vscode.NotebookCell, Ending>();
  /** The time (milliseconds since 1970) at which a short execution was last opened for the cell. */
  readonly #reopened = new WeakMap<vscode.NotebookCell, number>();
  readonly #late = new LateChanges((cell, changes) => {
    this.#applyLate(cell, changes);
  });

  constructor(
    private readonly controller: vscode.NotebookController,
    private readonly log: Log,
  ) {}

  /** Shows the cell as pending. Returns undefined if the cell already runs or was removed. */
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

  /**
   * Shows a run that began and ended while no window was attached. `change` writes its outputs. Times are local
   * milliseconds.
   */
  replay(cell: vscode.NotebookCell, times: PastTimes, change: Change): void {
    this.#ended.set(cell, times);
    this.#changeBriefly(cell, times, [change]);
  }

  /**
   * Whether a run of the cell has ended in this window, or an earlier run was shown again. VS Code may not yet have
   * told extensions of all its outputs.
   */
  hasRun(cell: vscode.NotebookCell): boolean {
    return this.#ended.has(cell);
  }

  of(cell: vscode.NotebookCell): CellRun | undefined {
    return this.all().find((run) => run.cell === cell);
  }
  /** The run that this event of the sandbox belongs to. */
  ofEvent({ parent_header: { msg_id: parent } }: SandboxEvent): CellRun | undefined {
    return this.all().find(({ msgId }) => msgId === parent);
  }
  all(): CellRun[] {
    return [...this.#live];
  }
  running(): CellRun | undefined {
    return this.all().find(({ state }) => state === 'running');
  }

  /**
   * Changes the outputs of a cell whose run has ended. The change uses the execution of a run in progress. If there is
   * none, it is made a little later through a short execution that keeps the cell's count, times and success.
   */
  reopen(cell: vscode.NotebookCell, change: Change): void {
    const running = this.running();
    if (running === undefined) {
      this.#late.add(cell, change);
      return;
    }
    this.#late.flush(); // earlier changes are shown first
    change(running.execution);
  }

  /** The user cleared the cell, which also clears its count and times, or the cell was removed. */
  forget(cell: vscode.NotebookCell): void {
    this.#late.drop(cell);
    this.#ended.set(cell, { order: undefined, start: undefined, end: undefined, success: undefined });
  }

  /** Shows the late changes that are still waiting. */
  flushLate(): void {
    this.#late.flush();
  }

  /**
   * To be called when the metadata of a cell has changed. VS Code's own `.ipynb` serializer keeps a cell's count in
   * its metadata. When a short execution begins, it deletes the count in a later edit, and does not notice that the
   * execution has ended with the same count. This writes the count again.
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
      // The cell was removed or taken by another kernel.
      this.log.debug(`late output found no cell: ${String(error)}`);
    }
  }

  /**
   * The end of the cell's last run. For a cell that ran before this window opened, it is read once from VS Code's
   * summary, before this class changes the cell.
   */
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

  /** Opens and ends an execution within one turn of the event loop, so that the cell is never shown as running. */
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
