import * as vscode from 'vscode';
import type { Log } from '../log';
import type { NotebookOutputs } from '../outputs/notebook-outputs';
import type { SandboxEvent } from '../protocol/messages';
import type { AttachedCell, SandboxSession } from '../session/types';
import { showInformation } from '../ui/messages';
import { fileName } from './cell-metadata';
import type { ErrorMarks } from './error-marks';
import type { CellRun, Executions } from './executions';
import { restore, type RestoredRun } from './restoration';
import type { SandboxClock } from './sandbox-clock';
import type { TracebackTargets } from './traceback-targets';
import type { Writer } from './writer';

/** What of a notebook shows what its sandbox did while no window was there. */
export interface Shown { executions: Executions; outputs: NotebookOutputs; clock: SandboxClock; writer: Writer; targets: TracebackTargets; marks: ErrorMarks }

/** Shows in the notebook what its cells did in an earlier window and meanwhile, and knows which run on without a cell to show them. */
export class RestoredRuns {
  #strays: readonly string[] = [];

  constructor(private readonly notebook: vscode.NotebookDocument, private readonly shown: Shown, private readonly log: Log) {}

  /** Runs in the sandbox that no cell shows: an interrupt is meant for them too. */
  get strays(): readonly string[] { return this.#strays; }

  /** The sandbox is gone. */
  forget(): void { this.#strays = []; }

  /**
   * @param seq the event up to which the document surely shows everything
   * @param goOn takes over a run that is still open
   */
  restore(session: SandboxSession, events: readonly SandboxEvent[], seq: number, goOn: (run: CellRun, msgId: string, restored: RestoredRun) => void): void {
    const { clock, outputs, targets } = this.shown;
    clock.seen(session.clock.t, session.clock.at);
    const { runs, strays, homeless } = restore(events, session.cells, this.notebook, outputs, seq);
    const cells = new Map(runs.map(({ msgId, cell }) => [msgId, cell]));
    for (const event of events) {
      const cell = cells.get(event.parent_header.msg_id);
      if (event.msg_type === 'execute_input' && cell !== undefined) { targets.ran(session.id, event, cell); }
    }
    for (const stray of strays) { this.#lose(stray); }
    for (const restored of runs) {
      try {
        this.#show(restored, goOn);
      } catch (error) { // the cell was removed or given to another kernel meanwhile
        this.log.warn(`a cell cannot be shown as it is: ${String(error)}`);
        if (restored.open !== undefined) { this.#lose(restored.open); }
      }
    }
    if (homeless > 0) {
      void showInformation(vscode.l10n.t('{0}: cells that ran meanwhile are no longer in the notebook, so their output is not shown.', fileName(this.notebook)));
    }
    this.log.info(`attached again: ${runs.length} cells known, ${session.cells.length} open`);
  }

  #show(restored: RestoredRun, goOn: (run: CellRun, msgId: string, restored: RestoredRun) => void): void {
    const { msgId, cell, document, open, isNew, end } = restored;
    const { executions, writer, clock, marks } = this.shown;
    const asked = executions.of(cell); // before this window knew what the sandbox does
    if (open === undefined) {
      if (asked !== undefined) { return; } // what it is asked for now replaces it
      const { order, success = false, t } = document;
      const times = isNew && end !== undefined && document.started
        ? { order, success, start: clock.toLocal(t ?? end.t, 0), end: clock.toLocal(end.t, 0) } : undefined;
      writer.restoreEnded(msgId, cell, document, times);
      if (end !== undefined) { marks.show(cell, end.reply); }
      return;
    }
    // a cell that runs is not run again, here as anywhere: the press is for the run that goes on
    const run = asked ?? executions.begin(cell);
    if (run === undefined || run.msgId !== undefined) {
      this.#lose(open);
      return;
    }
    run.msgId = msgId;
    writer.restore(msgId, run, document);
    goOn(run, msgId, restored);
  }

  #lose({ msgId, reply }: AttachedCell): void {
    this.#strays = [...this.#strays, msgId];
    void reply.then(() => { this.#strays = this.#strays.filter((one) => one !== msgId); });
  }
}
