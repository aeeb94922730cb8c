import type * as vscode from 'vscode';
import type { Log } from '../log';
import type { Surroundings } from '../messages';
import { emptyStream, foldText, textOf, type StreamText } from '../outputs/stream-text';
import type { CellDocument } from '../outputs/document';
import type { CellEdit, RunEdit } from '../outputs/types';
import type { CellRun, Executions, PastTimes } from './executions';
import { isSame, toItems, toNotebookOutput, toStreamItem, withFallback } from './projection';
import type { SandboxClock } from './sandbox-clock';
import type { LinkTargets } from './traceback-links';

/** The outputs of a run that may be named again, by the reducer's ids. `run` is undefined when it ended before this window came. */
interface Written { cell: vscode.NotebookCell; run: CellRun | undefined; outputs: Map<number, Shown> }
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
    private readonly surroundings: Surroundings, private readonly targets: LinkTargets, private readonly log: Log,
  ) {}

  /** From now on edits of `name` go to this run's cell; what an earlier run of the cell still says is not heard. */
  bind(name: string, run: CellRun): void {
    this.release(run.cell);
    this.#written.set(name, { cell: run.cell, run, outputs: new Map() });
  }

  /** A run that another window began: the cell shows what the run has left by now, and later edits find it. */
  restore(name: string, run: CellRun, document: CellDocument): void {
    this.bind(name, run);
    if (document.started) { run.start(document.t === undefined ? Date.now() : this.clock.toLocal(document.t, 0)); }
    if (document.order !== undefined) { run.execution.executionOrder = document.order; }
    const written = this.#written.get(name);
    if (written !== undefined && document.started) { this.#replace(written, document); }
  }

  /** A run that ended before this window came. `times`: while none was there, so the cell gets what it left; undefined: the cell has it. */
  restoreEnded(name: string, cell: vscode.NotebookCell, document: CellDocument, times: PastTimes | undefined): void {
    this.release(cell);
    const written: Written = { cell, run: undefined, outputs: new Map() };
    this.#written.set(name, written);
    if (times !== undefined && !this.#shows(cell, document)) {
      this.executions.replay(cell, times, (execution) => { this.#replace(written, document, execution); });
    } else if (cell.outputs.length === document.outputs.size) {
      [...document.outputs.keys()].forEach((id, place) => {
        const output = cell.outputs[place];
        if (output !== undefined) { written.outputs.set(id, { output }); }
      });
    }
  }

  release(cell: vscode.NotebookCell): void {
    for (const [name, { cell: its }] of this.#written) {
      if (its === cell) { this.#written.delete(name); }
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
        run?.start(edit.t === undefined ? Date.now() : this.clock.toLocal(edit.t, run?.created ?? 0));
        this.#clear(written);
        return;
      case 'setExecutionOrder':
        if (run !== undefined) { run.execution.executionOrder = edit.order; }
        return;
      case 'end':
        run?.end(edit.success);
        return;
      case 'append': case 'replaceAll': {
        const output = toNotebookOutput(edit.output, this.surroundings, this.targets);
        if (edit.kind === 'replaceAll') { outputs.clear(); }
        const shown: Shown = edit.output.output_type === 'stream' ? { output, fresh: foldText(emptyStream, edit.output.text).stream } : { output };
        outputs.set(edit.id, shown);
        this.#change(written, (execution, cell) =>
          (edit.kind === 'append' ? execution.appendOutput(output, cell) : execution.replaceOutput(output, cell)).then(() => { delete shown.fresh; }));
        return;
      }
      case 'appendText': case 'replaceText': {
        const shown = outputs.get(edit.id);
        if (shown !== undefined) { this.#text(written, shown, edit); }
        return;
      }
      case 'replace': {
        const items = 'data' in edit.output ? toItems(withFallback(edit.output)) : toNotebookOutput(edit.output, this.surroundings, this.targets).items;
        const shown = outputs.get(edit.id);
        if (shown !== undefined) { this.#change(written, (execution) => execution.replaceOutputItems(items, shown.output)); }
        return;
      }
      case 'clear':
        this.#clear(written);
    }
  }

  /** In one edit, so that what is there does not flicker or double. */
  #replace(written: Written, document: CellDocument, through?: vscode.NotebookCellExecution): void {
    if (document.outputs.size === 0) {
      if (written.cell.outputs.length > 0) { this.#clear(written, through); }
      return;
    }
    const shown = [...document.outputs].map(([id, output]): [number, Shown] => {
      const made = toNotebookOutput(output, this.surroundings, this.targets);
      return [id, output.output_type === 'stream' ? { output: made, fresh: foldText(emptyStream, output.text).stream } : { output: made }];
    });
    for (const [id, one] of shown) { written.outputs.set(id, one); }
    this.#change(written, (execution, cell) => execution.replaceOutput(shown.map(([, { output }]) => output), cell).then(() => {
      for (const [, one] of shown) { delete one.fresh; }
    }), through);
  }

  #shows(cell: vscode.NotebookCell, document: CellDocument): boolean {
    const outputs = [...document.outputs.values()].map((output) => toNotebookOutput(output, this.surroundings, this.targets));
    return cell.executionSummary?.executionOrder === document.order && isSame(cell.outputs, outputs);
  }

  #clear(written: Written, through?: vscode.NotebookCellExecution): void {
    const { cell: its, outputs } = written;
    outputs.clear();
    const count = (by: number): void => {
      const left = (this.#clearing.get(its) ?? 0) + by;
      if (left > 0) { this.#clearing.set(its, left); } else { this.#clearing.delete(its); }
    };
    this.#change(written, (execution, cell) => {
      count(1);
      return execution.clearOutput(cell).then(() => count(-1), (error: unknown) => {
        count(-1);
        throw error;
      });
    }, through);
  }

  #text(written: Written, shown: Shown, { kind, name, text }: Extract<CellEdit, { text: string }>): void {
    const { output } = shown;
    if (shown.fresh === undefined) {
      const item = toStreamItem(name, text);
      this.#change(written, (execution) => kind === 'appendText' ? execution.appendOutputItems(item, output) : execution.replaceOutputItems(item, output));
      return;
    }
    shown.fresh = foldText(kind === 'appendText' ? shown.fresh : emptyStream, text).stream;
    const item = toStreamItem(name, textOf(shown.fresh));
    this.#change(written, (execution) => execution.replaceOutputItems(item, output));
  }

  #change({ cell, run }: Written, change: (execution: vscode.NotebookCellExecution, cell: vscode.NotebookCell) => Thenable<void>, through?: vscode.NotebookCellExecution): void {
    const apply = (execution: vscode.NotebookCellExecution): void => {
      change(execution, cell).then(undefined, (error: unknown) => this.log.debug(`an output was not taken: ${String(error)}`));
    };
    const execution = through ?? (run?.state === 'running' ? run.execution : undefined);
    if (execution !== undefined) { apply(execution); } else { this.executions.reopen(cell, apply); }
  }
}
