import { randomUUID } from 'node:crypto';
import type * as vscode from 'vscode';
import type { Log } from '../../log';
import type { NotebookOutputs } from '../../outputs/notebook-outputs';
import type { SandboxError } from '../../protocol/errors';
import type { ExecuteReply, Failure, SandboxEvent } from '../../protocol/messages';
import { replyOf } from '../../session/failures';
import type { Place } from '../../session/folder-copy/place';
import type { SandboxSession } from '../../session/types';
import { sourceHashOf, cellId, cellKey, cellTags } from '../cell-metadata';
import type { ErrorMarks } from '../traceback/error-marks';
import type { CellRun, Executions } from './executions';
import { NextInput } from './next-input';
import type { Writer } from './writer';

/** The parts of a notebook that show its runs. */
interface RunDisplay {
  executions: Executions;
  outputs: NotebookOutputs;
  writer: Writer;
  marks: ErrorMarks;
}
interface CellRunSink {
  /** Resolves when all events received so far are shown, except for the last text, which may wait for more text. */
  waitUntilShown(): Promise<void>;
  /** Shows that last text too. */
  flushText(): void;
  /** Shows an event as if the sandbox had sent it. */
  show(event: SandboxEvent): void;
  /** A run has ended, and its cell shows all of its output. */
  ended(session: SandboxSession, run: CellRun, reply: ExecuteReply): void;
  /** Shows a problem that the cell cannot report. */
  warn(failure: Failure): void;
}

/** The runs of one notebook's cells: begins them, sends their code, and does what a reply asks for. */
export class CellRuns {
  readonly #nextInput = new NextInput();

  constructor(
    private readonly display: RunDisplay,
    private readonly sink: CellRunSink,
    private readonly log: Log,
  ) {}

  /**
   * Returns undefined if the cell already runs or VS Code refuses it, because it was removed or given to another
   * kernel. The other cells still run.
   */
  begin(cell: vscode.NotebookCell): CellRun | undefined {
    const { executions, marks } = this.display;
    try {
      const run = executions.begin(cell);
      if (run !== undefined) {
        marks.clear(cell);
      }
      return run;
    } catch (error) {
      this.log.warn(`a cell cannot be run: ${String(error)}`);
      return undefined;
    }
  }

  /**
   * Sends the cell's code. Resolves when the run has ended.
   * @param timeout seconds; 0 = none
   * @param place where the notebook is in the sandbox
   * @param notice shown first in the cell's output
   */
  async send(
    session: SandboxSession,
    run: CellRun,
    { runId, timeout, place, notice }: { runId: string; timeout: number; place: Place; notice: Failure | undefined },
  ): Promise<void> {
    const { cell, source } = run;
    const { msgId, kernel, reply } = session.execute(source, {
      timeout,
      place,
      stopOnError: !cellTags(cell).includes('raises-exception'),
      metadata: { cellId: cellId(cell), index: cell.index, sourceHash: sourceHashOf(source), runId },
    });
    run.msgId = msgId;
    this.#bind(msgId, run);
    if (notice !== undefined) {
      this.sink.show(noticeFor(msgId, kernel, notice));
    }
    await this.follow(session, run, msgId, reply);
  }

  /** Waits for the end of a run that was sent to the sandbox and does what its reply asks for. */
  async follow(session: SandboxSession, run: CellRun, msgId: string, reply: Promise<ExecuteReply>): Promise<void> {
    const ended = await reply;
    if (ended.failure?.params['reason'] === 'detached') {
      // The run goes on in the sandbox. A later window shows the rest.
      run.end(false);
      return;
    }
    await this.sink.waitUntilShown();
    this.#finish(run, msgId, ended);
    this.sink.ended(session, run, ended);
    this.#nextInput
      .show(run, ended)
      .then((trouble) => {
        if (trouble !== undefined) {
          this.sink.warn(trouble);
        }
      })
      .catch((error: unknown) => this.log.warn(`a next input was not shown: ${String(error)}`));
  }

  /** Ends runs that cannot be sent. The first one shows the reason. */
  fail(runs: readonly CellRun[], { code, params, message }: SandboxError): void {
    this.log[code === 'Cancelled' ? 'info' : 'error'](`cells could not run: ${message}`);
    const [first, ...others] = runs;
    if (first !== undefined) {
      const name = randomUUID();
      this.#bind(name, first);
      this.#finish(first, name, { ...replyOf({ code, params }), status: 'error' });
    }
    for (const run of others) {
      run.end(false);
    }
  }

  #bind(name: string, run: CellRun): void {
    this.display.outputs.begin(name, cellKey(run.cell));
    this.display.writer.bind(name, run);
  }

  /** Ends the run, whether or not the events have reported its end. */
  #finish(run: CellRun, name: string, reply: ExecuteReply): void {
    this.sink.flushText();
    this.display.writer.write(this.display.outputs.end(name, reply));
    run.end(reply.status === 'ok');
  }
}

const noticeFor = (msgId: string, kernel: string, content: Failure): SandboxEvent => ({
  seq: 0,
  kernel,
  gen: 0,
  t: 0,
  channel: 'iopub',
  msg_type: 'notice',
  parent_header: { msg_id: msgId },
  content,
  metadata: {},
  buffers: [],
});
