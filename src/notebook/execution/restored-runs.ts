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
import type { NotebookEventSource } from '../notebook-events';
import type { TracebackTargets } from '../traceback/traceback-targets';
import type { Writer } from './writer';

/** The parts of a notebook that show what its sandbox did while no window was attached. */
export interface RestoredDisplay {
  executions: Executions;
  outputs: NotebookOutputs;
  clock: SandboxClock;
  writer: Writer;
  targets: TracebackTargets;
  marks: ErrorMarks;
}

/** Receives the log of an earlier window's sandbox while a session attaches to it. */
export interface LogReplay {
  /** @param open the cells that are open at this time */
  event(event: SandboxEvent, open: readonly AttachedCell[]): void;
  /** The whole log was replayed. The notebook shows it now. */
  attached(session: SandboxSession): void;
  /** The session could not attach. */
  failed(): void;
}

/** Takes over a run that has not ended. `prompts` are its unanswered questions. */
export type ResumeRun = (
  session: SandboxSession,
  run: CellRun,
  open: AttachedCell,
  prompts: Iterable<EventOf<'input_request'>>,
) => void;

interface RestorableCell extends PlacedCell {
  cell: vscode.NotebookCell;
}

/**
 * Shows in the notebook what its cells did in an earlier window and since then. Also knows which runs go on although
 * no cell shows them.
 */
export class RestoredRuns {
  #unshownRuns: readonly string[] = [];

  constructor(
    private readonly notebook: vscode.NotebookDocument,
    private readonly display: RestoredDisplay,
    events: NotebookEventSource,
    private readonly log: Log,
  ) {
    events.on('didLoseSandbox', () => {
      this.#unshownRuns = [];
    });
  }

  /** Message ids of runs in the sandbox that no cell shows. An interrupt also applies to them. */
  get unshownRuns(): readonly string[] {
    return this.#unshownRuns;
  }

  /** @param seq the last event that the document is known to show completely */
  beginReplay(seq: number, resumeRun: ResumeRun): LogReplay {
    const cells = this.notebook
      .getCells()
      .filter(({ kind }) => kind === vscode.NotebookCellKind.Code)
      .map((cell): RestorableCell => ({
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
    { runs, withoutCell }: ReturnType<PastLog<RestorableCell>['finish']>,
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
        // The cell was removed or given to another kernel.
        this.log.warn(`a cell cannot be shown as it is: ${String(error)}`);
        const lost = open.get(restored.msgId);
        if (lost !== undefined) {
          this.#addUnshownRun(lost);
        }
      }
    }
    if (withoutCell > 0) {
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
    restored: PastRun<RestorableCell>,
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
    const asked = executions.of(cell); // requested before this window knew the state of the sandbox
    if (open === undefined) {
      if (asked !== undefined) {
        // The requested run will replace this output.
        return;
      }
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
    // A running cell is never run a second time. The run that the user requested becomes the one that goes on.
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
