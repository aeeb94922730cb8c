import type * as vscode from 'vscode';
import type { Log } from '../log';
import type { Surroundings } from '../messages';
import { emptyStream, foldText, textOf, type StreamText } from '../outputs/stream-text';
import type { CellEdit, RunEdit } from '../outputs/types';
import type { CellRun, Executions } from './executions';
import { toItems, toNotebookOutput, toStreamItem, withFallback } from './projection';
import type { SandboxClock } from './sandbox-clock';

/** The outputs of a run that may be named again, by the reducer's ids. */
interface Written { run: CellRun; outputs: Map<number, Shown> }
interface Shown {
  readonly output: vscode.NotebookCellOutput;
  /**
   * The text of a stream whose output VS Code has not taken yet. When it takes an output and more items for it together,
   * it tells extensions of those items twice: until then the whole text is sent.
   */
  fresh?: StreamText;
}

/** Applies edits to the cells of one notebook. Calls are not awaited: VS Code keeps their order and gathers them. */
export class Writer {
  readonly #written = new Map<string, Written>();
  /** How many of our own clearings VS Code has not confirmed yet. Its event comes before its confirmation. */
  readonly #clearing = new Map<vscode.NotebookCell, number>();

  constructor(
    private readonly executions: Executions, private readonly clock: SandboxClock,
    private readonly surroundings: Surroundings, private readonly log: Log,
  ) {}

  /** From now on edits of `name` go to this run's cell; what an earlier run of the cell still says is not heard. */
  bind(name: string, run: CellRun): void {
    this.release(run.cell);
    this.#written.set(name, { run, outputs: new Map() });
  }

  release(cell: vscode.NotebookCell): void {
    for (const [name, { run }] of this.#written) {
      if (run.cell === cell) { this.#written.delete(name); }
    }
  }

  /** Whether an event that this cell is empty may be our own doing: VS Code's event does not say. */
  isClearing(cell: vscode.NotebookCell): boolean { return this.#clearing.has(cell); }

  write(edits: readonly RunEdit[]): void {
    for (const { run: name, edit } of edits) {
      const written = this.#written.get(name);
      if (written === undefined) { continue; }
      try {
        this.#apply(written, edit);
      } catch (error) { // the cell was removed or taken by another kernel
        this.log.debug(`an edit (${edit.kind}) found no cell: ${String(error)}`);
      }
    }
  }

  #apply(written: Written, edit: CellEdit): void {
    const { run, outputs } = written;
    switch (edit.kind) {
      case 'start':
        run.start(edit.t === undefined ? Date.now() : this.clock.toLocal(edit.t, run.created));
        this.#clear(written);
        return;
      case 'setExecutionOrder':
        run.execution.executionOrder = edit.order;
        return;
      case 'end':
        run.end(edit.success);
        return;
      case 'append': case 'replaceAll': {
        const output = toNotebookOutput(edit.output, this.surroundings);
        if (edit.kind === 'replaceAll') { outputs.clear(); }
        const shown: Shown = edit.output.output_type === 'stream' ? { output, fresh: foldText(emptyStream, edit.output.text).stream } : { output };
        outputs.set(edit.id, shown);
        this.#change(run, (execution, cell) =>
          (edit.kind === 'append' ? execution.appendOutput(output, cell) : execution.replaceOutput(output, cell)).then(() => { delete shown.fresh; }));
        return;
      }
      case 'appendText': case 'replaceText': {
        const shown = outputs.get(edit.id);
        if (shown !== undefined) { this.#text(run, shown, edit); }
        return;
      }
      case 'replace': {
        const items = 'data' in edit.output ? toItems(withFallback(edit.output)) : toNotebookOutput(edit.output, this.surroundings).items;
        const shown = outputs.get(edit.id);
        if (shown !== undefined) { this.#change(run, (execution) => execution.replaceOutputItems(items, shown.output)); }
        return;
      }
      case 'clear':
        this.#clear(written);
    }
  }

  #clear({ run, outputs }: Written): void {
    outputs.clear();
    const count = (by: number): void => {
      const left = (this.#clearing.get(run.cell) ?? 0) + by;
      if (left > 0) { this.#clearing.set(run.cell, left); } else { this.#clearing.delete(run.cell); }
    };
    this.#change(run, (execution, cell) => {
      count(1);
      return execution.clearOutput(cell).then(() => count(-1), (error: unknown) => {
        count(-1);
        throw error;
      });
    });
  }

  #text(run: CellRun, shown: Shown, { kind, name, text }: Extract<CellEdit, { text: string }>): void {
    const { output } = shown;
    if (shown.fresh === undefined) {
      const item = toStreamItem(name, text);
      this.#change(run, (execution) => kind === 'appendText' ? execution.appendOutputItems(item, output) : execution.replaceOutputItems(item, output));
      return;
    }
    shown.fresh = foldText(kind === 'appendText' ? shown.fresh : emptyStream, text).stream;
    const item = toStreamItem(name, textOf(shown.fresh));
    this.#change(run, (execution) => execution.replaceOutputItems(item, output));
  }

  #change(run: CellRun, change: (execution: vscode.NotebookCellExecution, cell: vscode.NotebookCell) => Thenable<void>): void {
    const apply = (execution: vscode.NotebookCellExecution): void => {
      change(execution, run.cell).then(undefined, (error: unknown) => this.log.debug(`an output was not taken: ${String(error)}`));
    };
    if (run.state === 'running') { apply(run.execution); } else { this.executions.reopen(run.cell, apply); }
  }
}
