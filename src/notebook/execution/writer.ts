import type * as vscode from 'vscode';
import type { Log } from '../../log';
import type { MessageContext } from '../../messages';
import type { CellDocument, DocumentOutput } from '../../outputs/document';
import { Pacer, type Sent } from '../../outputs/pacer';
import type { StreamText, TextMark } from '../../outputs/stream-text';
import type { CellEdit, CellOutput, RunEdit, StreamName } from '../../outputs/types';
import type { CellRun, Executions, PastTimes } from './executions';
import { looksSame, toItems, toNotebookOutput, toStreamItem, withFallback } from './projection';
import type { SandboxClock } from './sandbox-clock';
import type { LinkTargets } from '../traceback/traceback-links';

/** What is shown of a run. */
interface WrittenRun {
  readonly cell: vscode.NotebookCell;
  /** Undefined if the run ended before this window opened. */
  readonly run: CellRun | undefined;
  /** The outputs that later edits may refer to, by the ids of the reducer. */
  readonly outputs: Map<number, ShownOutput>;
  /**
   * Outputs that VS Code has not confirmed yet. If VS Code processes a new output together with later items for any
   * output of the same cell, it reports those items to extensions twice. While there are unconfirmed outputs, nothing
   * is appended to a text: the text waits, and if it cannot wait, the whole text is sent.
   */
  readonly unconfirmed: Set<ShownOutput>;
  /** Outputs whose text waits for these confirmations, each with the timer that ends its wait. */
  readonly waiting: Map<ShownOutput, NodeJS.Timeout>;
}
interface ShownOutput {
  readonly output: vscode.NotebookCellOutput;
  readonly written: WrittenRun;
  readonly id: number;
  /** For a stream, the text that was sent to VS Code. */
  mark?: TextMark;
  /** The next content of the output, which VS Code has not been sent yet. */
  next?: { name: StreamName; stream: StreamText } | CellOutput | undefined;
}

/**
 * The longest time (milliseconds) that a text waits for VS Code to confirm new outputs. A cell may create new outputs
 * without end.
 */
const MAX_CONFIRMATION_WAIT_MS = 500;

/**
 * Approximate number of characters of outputs that are updated before their run ends. The other outputs follow a
 * little later.
 */
const MAX_FINAL_UPDATE_CHARACTERS = 2_000_000;

export interface WriterOptions {
  clock: SandboxClock;
  messageContext: MessageContext;
  targets: LinkTargets;
  log: Log;
}

/**
 * Applies edits to the cells of one notebook. The calls are not awaited, because VS Code keeps their order and batches
 * them.
 */
export class Writer {
  readonly #written = new Map<string, WrittenRun>();
  /**
   * Number of this class's own `clearOutput` calls that VS Code has not confirmed yet. VS Code sends its event before
   * its confirmation.
   */
  readonly #clearing = new Map<vscode.NotebookCell, number>();
  readonly #pacer = new Pacer<ShownOutput>((shown) => this.#send(shown));

  constructor(
    private readonly executions: Executions,
    private readonly options: WriterOptions,
  ) {}

  /** From now on edits of `name` go to this run's cell. Edits of an earlier run of the cell are ignored. */
  bind(name: string, run: CellRun): void {
    this.release(run.cell);
    this.#written.set(name, newWritten(run.cell, run));
  }

  /** Shows the current state of a run that another window began. Later edits of `name` go to its cell. */
  restore(name: string, run: CellRun, document: CellDocument): void {
    this.bind(name, run);
    if (document.started) {
      run.start(document.t === undefined ? Date.now() : this.options.clock.toLocal(document.t, 0));
    }
    if (document.order !== undefined) {
      run.execution.executionOrder = document.order;
    }
    const written = this.#written.get(name);
    if (written !== undefined && document.started) {
      this.#replace(written, document);
    }
  }

  /**
   * Shows a run that ended before this window opened. If the run ended while no window was attached, `times` are its
   * times and the cell gets its outputs. If `times` is undefined, the cell already has them.
   */
  restoreEnded(name: string, cell: vscode.NotebookCell, document: CellDocument, times: PastTimes | undefined): void {
    this.release(cell);
    const written = newWritten(cell, undefined);
    this.#written.set(name, written);
    if (times !== undefined && !this.#shows(cell, document)) {
      this.executions.replay(cell, times, (execution) => {
        this.#replace(written, document, execution);
      });
    } else if (cell.outputs.length === document.size) {
      [...document.outputs].forEach(([id, { mark }], place) => {
        const output = cell.outputs[place];
        if (output !== undefined) {
          written.outputs.set(id, { output, written, id, ...(mark && { mark }) });
        }
      });
    }
  }

  release(cell: vscode.NotebookCell): void {
    for (const [name, { cell: its }] of this.#written) {
      if (its === cell) {
        this.#written.delete(name);
      }
    }
  }

  /** The user cleared the cell. Outputs that were about to be shown there are discarded. */
  forget(cell: vscode.NotebookCell): void {
    for (const written of this.#written.values()) {
      if (written.cell === cell) {
        forgetOutputs(written);
      }
    }
  }

  /**
   * Whether an event that reports this cell as empty may result from a call of this class. VS Code's event does not
   * tell.
   */
  isClearing(cell: vscode.NotebookCell): boolean {
    return this.#clearing.has(cell);
  }

  write(edits: readonly RunEdit[]): void {
    for (const { run: name, edit } of edits) {
      const written = this.#written.get(name);
      if (written === undefined) {
        continue;
      }
      try {
        this.#apply(written, edit);
      } catch (error) {
        // The cell was removed or taken by another kernel.
        this.options.log.debug(`an edit (${edit.kind}) found no cell: ${String(error)}`);
      }
    }
  }

  #apply(written: WrittenRun, edit: CellEdit): void {
    const { run, outputs } = written;
    switch (edit.kind) {
      case 'start':
        run?.start(edit.t === undefined ? Date.now() : this.options.clock.toLocal(edit.t, run?.created ?? 0));
        if (written.cell.outputs.length > 0 || outputs.size > 0 || this.executions.hasRun(written.cell)) {
          this.#clear(written);
        }
        return;
      case 'setExecutionOrder':
        if (run !== undefined) {
          run.execution.executionOrder = edit.order;
        }
        return;
      case 'end':
        this.#bringUpToDate(written);
        run?.end(edit.success);
        return;
      case 'append':
      case 'replaceAll': {
        const output = toNotebookOutput(edit.output, this.options.messageContext, this.options.targets);
        if (edit.kind === 'replaceAll') {
          forgetOutputs(written);
        }
        const shown: ShownOutput = { output, written, id: edit.id };
        if (edit.stream !== undefined) {
          shown.mark = edit.stream.mark();
        }
        outputs.set(edit.id, shown);
        this.#sendNew([shown], written, (execution, cell) =>
          edit.kind === 'append' ? execution.appendOutput(output, cell) : execution.replaceOutput(output, cell),
        );
        return;
      }
      case 'text':
      case 'replace': {
        const shown = outputs.get(edit.id);
        if (shown === undefined) {
          return;
        }
        shown.next = edit.kind === 'text' ? edit : edit.output;
        if (edit.kind === 'replace') {
          this.#pacer.ask(shown);
        } else {
          this.#requestWhenConfirmed(shown);
        }
        return;
      }
      case 'clear':
        this.#clear(written);
    }
  }

  /** Replaces all outputs in one edit, so that they do not flicker or appear twice. */
  #replace(written: WrittenRun, document: CellDocument, through?: vscode.NotebookCellExecution): void {
    if (document.size === 0) {
      if (written.cell.outputs.length > 0) {
        this.#clear(written, through);
      }
      return;
    }
    const shown = [...document.outputs].map(([id, one]) => this.#shownOf(written, id, one));
    for (const one of shown) {
      written.outputs.set(one.id, one);
    }
    this.#sendNew(
      shown,
      written,
      (execution, cell) =>
        execution.replaceOutput(
          shown.map(({ output }) => output),
          cell,
        ),
      through,
    );
  }

  #shownOf(written: WrittenRun, id: number, { output, mark }: DocumentOutput): ShownOutput {
    return {
      output: toNotebookOutput(output, this.options.messageContext, this.options.targets),
      written,
      id,
      ...(mark && { mark }),
    };
  }

  /** Sends the next content of an output as soon as it can be appended to what VS Code has. */
  #requestWhenConfirmed(shown: ShownOutput): void {
    const { unconfirmed, waiting } = shown.written;
    if (unconfirmed.size === 0) {
      stopWaiting(shown);
      this.#pacer.ask(shown);
    } else if (!waiting.has(shown)) {
      waiting.set(
        shown,
        setTimeout(() => {
          waiting.delete(shown);
          this.#pacer.ask(shown);
        }, MAX_CONFIRMATION_WAIT_MS),
      );
    }
  }

  /** Sends new outputs. Texts are not appended to until VS Code has confirmed these outputs. */
  #sendNew(
    shown: readonly ShownOutput[],
    written: WrittenRun,
    change: (execution: vscode.NotebookCellExecution, cell: vscode.NotebookCell) => Thenable<void>,
    through?: vscode.NotebookCellExecution,
  ): void {
    for (const one of shown) {
      written.unconfirmed.add(one);
    }
    const taken = (): void => {
      for (const one of shown) {
        written.unconfirmed.delete(one);
        one.output.items = []; // VS Code has its own copy
      }
      for (const one of [...written.waiting.keys()]) {
        this.#requestWhenConfirmed(one);
      }
    };
    void this.#change(
      written,
      (execution, cell) =>
        change(execution, cell).then(taken, (error: unknown) => {
          taken();
          throw error;
        }),
      through,
    );
  }

  #shows(cell: vscode.NotebookCell, document: CellDocument): boolean {
    const outputs = [...document.outputs.values()].map(({ output }) =>
      toNotebookOutput(output, this.options.messageContext, this.options.targets),
    );
    return cell.executionSummary?.executionOrder === document.order && looksSame(cell.outputs, outputs);
  }

  #clear(written: WrittenRun, through?: vscode.NotebookCellExecution): void {
    const { cell: its } = written;
    forgetOutputs(written);
    const count = (by: number): void => {
      const left = (this.#clearing.get(its) ?? 0) + by;
      if (left > 0) {
        this.#clearing.set(its, left);
      } else {
        this.#clearing.delete(its);
      }
    };
    void this.#change(
      written,
      (execution, cell) => {
        const cleared = execution.clearOutput(cell);
        count(1); // after the call, which throws if the cell was removed
        return cleared.then(
          () => count(-1),
          (error: unknown) => {
            count(-1);
            throw error;
          },
        );
      },
      through,
    );
  }

  /** Sends the latest content of an output, unless VS Code already has it. */
  #send(shown: ShownOutput): Sent | undefined {
    const { output, written, id, next } = shown;
    shown.next = undefined;
    if (next === undefined || written.outputs.get(id) !== shown) {
      // The output was cleared.
      return undefined;
    }
    if (!('stream' in next)) {
      const items =
        'data' in next
          ? toItems(withFallback(next))
          : toNotebookOutput(next, this.options.messageContext, this.options.targets).items;
      const confirmed = this.#change(written, (execution) => execution.replaceOutputItems(items, output));
      return { characters: items.reduce((sum, { data }) => sum + data.length, 0), confirmed };
    }
    const { name, stream } = next;
    const change =
      shown.mark === undefined || written.unconfirmed.size > 0
        ? ({ kind: 'replace', text: stream.text() } as const)
        : stream.changeSince(shown.mark);
    if (change.kind === 'append' && change.text === '') {
      return undefined;
    }
    shown.mark = stream.mark();
    const item = toStreamItem(name, change.text);
    const confirmed = this.#change(written, (execution) =>
      change.kind === 'append' ? execution.appendOutputItems(item, output) : execution.replaceOutputItems(item, output),
    );
    return { characters: stream.length, confirmed };
  }

  /** Updates the outputs of a run that is about to end, so that its cell ends with the right content. */
  #bringUpToDate({ outputs }: WrittenRun): void {
    let room = MAX_FINAL_UPDATE_CHARACTERS;
    for (const shown of [...outputs.values()].reverse()) {
      if (shown.next === undefined) {
        continue;
      }
      if (room <= 0 && !('stream' in shown.next)) {
        continue;
      }
      stopWaiting(shown);
      room -= this.#pacer.sendNow(shown);
    }
  }

  /**
   * Resolves when VS Code has confirmed or refused the change. For a late change, which is made when an execution is
   * opened for it, this resolves at once.
   */
  #change(
    { cell, run }: WrittenRun,
    change: (execution: vscode.NotebookCellExecution, cell: vscode.NotebookCell) => Thenable<void>,
    through?: vscode.NotebookCellExecution,
  ): Promise<void> {
    return new Promise((resolve) => {
      const refused = (error: unknown): void => {
        // The cell may have been removed or taken by another kernel.
        this.options.log.debug(`an output was not taken: ${String(error)}`);
        resolve();
      };
      const execution = through ?? (run?.state === 'running' ? run.execution : undefined);
      if (execution === undefined) {
        this.executions.reopen(cell, (late) => {
          change(late, cell).then(resolve, refused);
        });
        resolve();
        return;
      }
      try {
        change(execution, cell).then(resolve, refused);
      } catch (error) {
        refused(error);
      }
    });
  }
}

const newWritten = (cell: vscode.NotebookCell, run: CellRun | undefined): WrittenRun => ({
  cell,
  run,
  outputs: new Map(),
  unconfirmed: new Set(),
  waiting: new Map(),
});

function stopWaiting(shown: ShownOutput): void {
  const { waiting } = shown.written;
  clearTimeout(waiting.get(shown));
  waiting.delete(shown);
}

function forgetOutputs({ outputs, unconfirmed, waiting }: WrittenRun): void {
  outputs.clear();
  unconfirmed.clear();
  for (const shown of [...waiting.keys()]) {
    stopWaiting(shown);
  }
}
