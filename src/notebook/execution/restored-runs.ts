import * as vscode from 'vscode';
import type { Log } from '../../log';
import type { NotebookOutputs } from '../../outputs/notebook-outputs';
import { PastLog, type PastRun, type PlacedCell } from '../../outputs/past';
import type { EventOf, SandboxEvent } from '../../protocol/messages';
import type { AttachedCell, SandboxSession } from '../../session/types';
import { showInformation } from '../../ui/messages';
import { fileName, sourceHashOf, cellId, cellKey } from '../cell-metadata';
import type { ErrorMarks } from '../traceback/error-marks';
import type { CellRun, Executions } from './executions';
import type { SandboxClock } from './sandbox-clock';
import type { TracebackTargets } from '../traceback/traceback-targets';
import type { Writer } from './writer';

/** What of a notebook shows what its sandbox did while no window was there. */
export interface RestoredDisplay {
  executions: Executions;
  outputs: NotebookOutputs;
  clock: SandboxClock;
  writer: Writer;
  targets: TracebackTargets;
  marks: ErrorMarks;
}

/** The log of a sandbox that an earlier window had, while a session attaches to it. */
export interface LogReplay {
  /** @param open cells that are open now */
  event(event: SandboxEvent, open: readonly AttachedCell[]): void;
  /** The log was told: the notebook shows it. */
  attached(session: SandboxSession): void;
  /** The sandbox was not to be had. */
  failed(): void;
}

/** Takes over a run that is still open. `prompts`: those whose answers it waits for. */
export type ResumeRun = (
  session: SandboxSession,
  run: CellRun,
  open: AttachedCell,
  prompts: Iterable<EventOf<'input_request'>>,
) => void;

interface NotebookCell extends PlacedCell {
  cell: vscode.NotebookCell;
}

/** Shows in the notebook what its cells did in an earlier window and meanwhile, and knows which run on without a cell to show them. */
export class RestoredRuns {
  #unshownRuns: readonly string[] = [];

  constructor(
    private readonly notebook: vscode.NotebookDocument,
    private readonly display: RestoredDisplay,
    private readonly log: Log,
  ) {}

  /** Runs in the sandbox that no cell shows: an interrupt is meant for them too. */
  get unshownRuns(): readonly string[] {
    return this.#unshownRuns;
  }

  /** The sandbox is gone. */
  forget(): void {
    this.#unshownRuns = [];
  }

  /** @param seq the event up to which the document surely shows everything */
  beginReplay(seq: number, resumeRun: ResumeRun): LogReplay {
    const cells = this.notebook
      .getCells()
      .filter(({ kind }) => kind === vscode.NotebookCellKind.Code)
      .map((cell): NotebookCell => ({
        id: cellId(cell),
        index: cell.index,
        sourceHash: sourceHashOf(cell.document.getText()),
        key: cellKey(cell),
        cell,
      }));
    const past = new PastLog(cells, this.display.outputs, seq);
    return {
      event: (event, open) => {
        past.add(event, open);
      },
      attached: (session) => {
        this.#attached(session, past.finish(session.cells), resumeRun);
      },
      failed: () => {
        past.abandon();
      },
    };
  }

  #attached(
    session: SandboxSession,
    { runs, homeless }: ReturnType<PastLog<NotebookCell>['finish']>,
    goOn: ResumeRun,
  ): void {
    const { clock, targets } = this.display;
    clock.observe(session.clock.t, session.clock.at);
    const inputs = runs
      .flatMap(({ input, cell: { cell } }) => (input === undefined ? [] : [{ input, cell }]))
      .sort((a, b) => a.input.seq - b.input.seq);
    for (const { input, cell } of inputs) {
      targets.cellRan(session.id, input, cell);
    }
    const open = new Map(session.cells.map((cell) => [cell.msgId, cell]));
    const placed = new Set(runs.map(({ msgId }) => msgId));
    const strays = session.cells.filter(({ msgId }) => !placed.has(msgId));
    for (const stray of strays) {
      this.#addUnshownRun(stray);
    }
    for (const restored of runs) {
      try {
        this.#show(session, restored, open.get(restored.msgId), goOn);
      } catch (error) {
        // the cell was removed or given to another kernel meanwhile
        this.log.warn(`a cell cannot be shown as it is: ${String(error)}`);
        const lost = open.get(restored.msgId);
        if (lost !== undefined) {
          this.#addUnshownRun(lost);
        }
      }
    }
    if (homeless > 0) {
      void showInformation(
        vscode.l10n.t(
          '{0}: cells that ran meanwhile are no longer in the notebook, so their output is not shown.',
          fileName(this.notebook),
        ),
      );
    }
    this.log.info(`attached again: ${runs.length} cells known, ${session.cells.length} open`);
  }

  #show(
    session: SandboxSession,
    restored: PastRun<NotebookCell>,
    open: AttachedCell | undefined,
    goOn: ResumeRun,
  ): void {
    const {
      msgId,
      cell: { cell },
      document,
      isNew,
      end,
      prompts,
    } = restored;
    const { executions, writer, clock, marks } = this.display;
    const asked = executions.of(cell); // before this window knew what the sandbox does
    if (open === undefined) {
      if (asked !== undefined) {
        return;
      } // what it is asked for now replaces it
      const { order, success = false, t } = document;
      const times =
        isNew && end !== undefined && document.started
          ? { order, success, start: clock.toLocal(t ?? end.t, 0), end: clock.toLocal(end.t, 0) }
          : undefined;
      writer.restoreEnded(msgId, cell, document, times);
      if (end !== undefined) {
        marks.show(cell, end.reply);
      }
      return;
    }
    // a cell that runs is not run again, here as anywhere: the press is for the run that goes on
    const run = asked ?? executions.begin(cell);
    if (run === undefined || run.msgId !== undefined) {
      this.#addUnshownRun(open);
      return;
    }
    run.msgId = msgId;
    writer.restore(msgId, run, document);
    goOn(session, run, open, prompts.values());
  }

  #addUnshownRun({ msgId, reply }: AttachedCell): void {
    this.#unshownRuns = [...this.#unshownRuns, msgId];
    void reply.then(() => {
      this.#unshownRuns = this.#unshownRuns.filter((one) => one !== msgId);
    });
  }
}
