import { randomUUID } from 'node:crypto';
import type * as vscode from 'vscode';
import type { Log } from '../log';
import { describe, paragraph, type MessageContext } from '../messages';
import { OutputFlow } from '../outputs/flow';
import { NotebookOutputs } from '../outputs/notebook-outputs';
import type { SandboxError } from '../protocol/errors';
import type { Failure, SandboxEvent } from '../protocol/messages';
import { asSandboxError } from '../session/failures';
import type { InstallOptions } from '../session/installs';
import type { SandboxSettings } from '../session/settings';
import type { SandboxSession } from '../session/types';
import { showWarning } from '../ui/messages';
import { sendCapturedOutputs } from './execution/captured-outputs';
import { fileName, cellKey } from './cell-metadata';
import { CellRuns } from './execution/cell-runs';
import { readSettings } from './configuration';
import type { ErrorMarks } from './traceback/error-marks';
import { Executions, endAll, type CellRun } from './execution/executions';
import { NotebookFolder } from './files/folder-copy';
import { completeMetadata } from './notebook-metadata';
import type { Prompts } from './execution/prompts';
import { RestoredRuns, type LogReplay } from './execution/restored-runs';
import { SandboxBinding, type SandboxStatus } from './sandbox/sandbox-binding';
import type { SessionSource } from './sandbox/session-source';
import { SandboxClock } from './execution/sandbox-clock';
import type { SandboxRecords } from './sandbox/sandbox-records';
import { TracebackTargets } from './traceback/traceback-targets';
import { Writer } from './execution/writer';

/** The kernel of one notebook: its sandbox, and everything that its cells show. */
export class NotebookKernel {
  readonly executions: Executions;
  readonly #outputs = new NotebookOutputs();
  readonly #clock = new SandboxClock();
  readonly #writer: Writer;
  readonly #folder: NotebookFolder;
  readonly #targets: TracebackTargets;
  readonly #flow = new OutputFlow(this.#outputs, {
    write: (edits) => this.#writer.write(edits),
    runs: () => this.executions.all().length,
    isOfRun: (event) => this.#runOf(event) !== undefined,
    comes: (event) => this.#beforeShown(event),
    isShown: (event) => this.#afterShown(event),
  });
  readonly #sandbox: SandboxBinding;
  readonly #restored: RestoredRuns;
  readonly #runs: CellRuns;
  /** Resolves when a restart or an end that was asked for has reached the sandbox: what is run behind it is not for the one before. */
  #resetBarrier: Promise<void> = Promise.resolve();

  constructor(
    readonly notebook: vscode.NotebookDocument,
    controller: vscode.NotebookController,
    source: SessionSource,
    records: SandboxRecords,
    private readonly messageContext: MessageContext,
    private readonly log: Log,
    private readonly marks: ErrorMarks,
    private readonly prompts: Prompts,
    changed: () => void,
  ) {
    this.executions = new Executions(controller, log);
    this.#folder = new NotebookFolder(notebook, messageContext, log);
    this.#targets = new TracebackTargets(notebook, this.#folder);
    this.#writer = new Writer(this.executions, this.#clock, messageContext, this.#targets, log);
    this.#restored = new RestoredRuns(
      notebook,
      {
        executions: this.executions,
        outputs: this.#outputs,
        clock: this.#clock,
        writer: this.#writer,
        targets: this.#targets,
        marks,
      },
      log,
    );
    this.#runs = new CellRuns(
      notebook,
      { executions: this.executions, outputs: this.#outputs, writer: this.#writer, marks },
      {
        flushText: () => this.#flow.flushText(),
        waitUntilShown: () => this.#flow.passed(),
        show: (event) => this.#flow.show(event),
        ended: (reply) => this.#folder.missed(reply),
        warn: (failure) => this.#warn(failure),
      },
      log,
    );
    this.#sandbox = new SandboxBinding(
      notebook,
      source,
      records,
      {
        created: (session, settings, { isUnused }) =>
          this.#folder.bringAhead(session, settings, { isForCell: !isUnused }),
        beginReplay: (seq) => this.#beginReplay(seq),
        event: (event) => {
          this.#clock.observe(event.t);
          this.#flow.add(event);
        },
        gone: () => {
          this.#restored.forget();
          return this.executions.all().length > 0;
        },
        unreachable: (failure) => {
          if (this.executions.all().length === 0) {
            this.#warn(failure);
          }
        }, // a cell that runs says it
        warn: (failure) => this.#warn(failure),
        changed,
      },
      log,
    );
  }

  get status(): SandboxStatus {
    return this.#sandbox.status;
  }

  /** Undefined while there is no sandbox. */
  get session(): SandboxSession | undefined {
    return this.#sandbox.session;
  }

  /** Gives the running sandbox what it can take of the settings as they are now. The status says what is left for a new one. */
  takeSettings(): Promise<void> {
    return this.#sandbox.takeSettings();
  }

  /** See {@link SandboxBinding.imageMade}. */
  imageMade(settings: SandboxSettings): boolean {
    return this.#sandbox.imageMade(settings);
  }

  /** See {@link SandboxBinding.isUnused}. */
  get isUnused(): boolean {
    return this.#sandbox.isUnused;
  }

  /** See {@link SandboxBinding.startEarly}. */
  startEarly(how: { makesImage: boolean }): Promise<boolean> {
    return this.#sandbox.startEarly(readSettings(this.notebook.uri, this.log), how);
  }

  /** What was installed into this notebook's sandbox, as pip requirements. */
  get installed(): readonly string[] {
    return this.#sandbox.installed;
  }

  /** Finds the sandbox again that the notebook had in an earlier window. */
  reattach(how?: { takeOver: boolean }): Promise<void> {
    return this.#sandbox.reattach(how);
  }

  /** Installs into the sandbox, which is started if there is none. */
  async install(requirements: readonly string[], options: InstallOptions): Promise<void> {
    const session = await this.#sandbox.open(readSettings(this.notebook.uri, this.log));
    await session.install(requirements, options);
  }

  /** Runs cells as one run: an error ends those behind it. Resolves when all have ended; never rejects for a cell's sake. */
  async run(cells: readonly vscode.NotebookCell[]): Promise<void> {
    const runs = cells.flatMap((cell) => this.#runs.begin(cell) ?? []);
    const waiting = (): CellRun[] => runs.filter(({ state, msgId }) => state !== 'ended' && msgId === undefined);
    const runId = randomUUID();
    try {
      await this.#resetBarrier;
      const settings = readSettings(this.notebook.uri, this.log);
      const session = await this.#sandbox.open(settings, () => waiting().length > 0);
      const where = await this.#folder.bring(session, settings, this.#sandbox.filesSetting(settings));
      const sent = waiting();
      const lost = sent.length === 0 ? undefined : this.#sandbox.takeStateLoss(); // a notice is told once: not to cells that were called off
      await Promise.all(
        sent.map((run, place) =>
          this.#runs.send(session, run, {
            runId,
            timeout: settings.timeout,
            place: where,
            notice: place === 0 ? lost : undefined,
          }),
        ),
      );
      await completeMetadata(this.notebook);
    } catch (error) {
      this.#runs.fail(waiting(), asSandboxError(error));
    }
  }

  /** One press. Queued cells are called off first, so that none starts when the running one ends. */
  async interrupt(): Promise<void> {
    const unsent = this.executions.all().filter(({ msgId }) => msgId === undefined);
    if (unsent.length > 0) {
      this.#sandbox.cancel();
      this.#folder.callOff();
    } else {
      await this.#sandbox.waitForLookup(); // the press is for what runs there
    }
    endAll(unsent);
    const { session } = this;
    if (session === undefined) {
      return;
    }
    const sent = [...this.#restored.unshownRuns, ...this.executions.all().flatMap(({ msgId }) => msgId ?? [])];
    if (unsent.length === 0 && sent.length === 0) {
      await session.interruptCallback();
    } // else a cell that waits for it is what is pressed for
    await Promise.all(sent.reverse().map((msgId) => session.interrupt(msgId)));
  }

  /**
   * A fresh kernel; all cells end. A sandbox that has other settings now is replaced. One that does not answer, or has no kernel any
   * more, is kept: this rejects then, with a SandboxError; where settings are applied it is replaced, and the user is told.
   * @returns false: there was none, nor one being started
   */
  async reset({ applySettings }: { applySettings: boolean }): Promise<boolean> {
    const before = this.executions.all(); // what is asked for while this goes on is for the fresh kernel
    const hadWork = before.length > 0 || this.status.kind === 'starting';
    this.#cancelUnsent(before);
    this.#folder.retry();
    return this.#blockNewCellsDuring(async (reached) => {
      const session = await this.#sandbox.find();
      if (session === undefined) {
        this.#endRuns(before);
        return hadWork;
      }
      const settings = readSettings(this.notebook.uri, this.log);
      const { historySize } = settings;
      try {
        const isReplaced = applySettings && this.#sandbox.needsNewSandbox(settings);
        const files = applySettings ? settings.resetFiles : 'keep';
        const done = isReplaced ? this.#sandbox.close({ keepLibraries: true }) : session.reset({ files, historySize });
        if (files === 'keep') {
          reached();
        } // else what is copied for the next cell might be cleared too
        await done;
        if (!isReplaced) {
          this.#sandbox.settingsApplied({ historySize });
        }
        if (files === 'clear') {
          this.#folder.cleared();
        }
      } catch (error) {
        const failure = asSandboxError(error);
        const isOver = ['gone', 'disposed'].includes(session.state.kind); // which says itself what was lost
        if (!isOver && !applySettings) {
          throw error;
        }
        if (!isOver) {
          await this.#replace(failure);
        }
      }
      this.#flow.flush();
      this.#endRuns(before);
      return true;
    });
  }

  /** Ends sandbox and cells. The next cell starts anew. Rejects where a sandbox of an earlier window cannot be ended. */
  async close(): Promise<void> {
    const before = this.executions.all();
    this.#cancelUnsent(before);
    try {
      await this.#blockNewCellsDuring(() => this.#sandbox.close({ keepLibraries: false }));
    } finally {
      this.#flow.flush();
      this.#endRuns(before);
    }
  }

  /** The window closes, or the notebook: cells go on in the sandbox, unless settings say that it ends now. */
  async leave(): Promise<void> {
    const before = this.executions.all();
    this.#cancelUnsent(before);
    try {
      await this.#sandbox.leave();
    } finally {
      this.#flow.flush();
      this.#endRuns(before);
    }
  }

  /** They ran in a kernel that the notebook has no more. */
  #endRuns(runs: readonly CellRun[]): void {
    endAll(runs);
    this.executions.flushLate();
    this.marks.clearAll(this.notebook);
  }

  documentChanged(): void {
    this.#sandbox.documentChanged();
  }

  /** The user cleared the cell's outputs. */
  cellCleared(cell: vscode.NotebookCell): void {
    if (this.#writer.isClearing(cell)) {
      return;
    }
    this.#flow.flush();
    this.executions.forget(cell);
    this.#writer.forget(cell);
    this.#outputs.forget(cellKey(cell));
    this.marks.clear(cell);
  }

  /** The cell is no longer in the notebook: its run is called off. */
  async cellRemoved(cell: vscode.NotebookCell): Promise<void> {
    const run = this.executions.of(cell);
    this.#outputs.releaseCell(cellKey(cell));
    this.#writer.release(cell);
    this.executions.forget(cell);
    this.marks.clear(cell);
    run?.end(false);
    if (run?.msgId !== undefined) {
      await this.session?.interrupt(run.msgId, { run: false });
    }
  }

  // ---------------------------------------------------------------------------------------------------------- restoring

  /** Shows what the cells of an earlier window have done meanwhile, and goes on with those that run. */
  #beginReplay(seq: number): LogReplay {
    return this.#restored.beginReplay(seq, (session, run, { msgId, reply }, prompts) => {
      this.#runs
        .follow(session, run, msgId, reply)
        .catch((error: unknown) => this.log.error(`a cell did not end: ${String(error)}`));
      for (const prompt of prompts) {
        this.prompts.answer(session, run, prompt);
      }
    });
  }

  // ----------------------------------------------------------------------------------------------------------- ending

  /** Cells that no sandbox knows yet end at once. */
  #cancelUnsent(runs: readonly CellRun[]): void {
    this.#folder.callOff();
    endAll(runs.filter(({ msgId }) => msgId === undefined));
  }

  /** Does what cells that are run from now on must not overtake; they wait until it has `reached` the sandbox, or is over. */
  async #blockNewCellsDuring<T>(work: (reached: () => void) => Promise<T>): Promise<T> {
    let reached!: () => void;
    this.#resetBarrier = new Promise((resolve) => {
      reached = resolve;
    });
    try {
      return await work(reached);
    } finally {
      reached();
    }
  }

  /** The sandbox gives no fresh kernel, and the user wants one whatever it costs. */
  async #replace(failure: SandboxError): Promise<void> {
    this.log.warn(`reset failed, the sandbox is replaced: ${failure.message}`);
    const reason = failure.code === 'KernelDied' ? 'noKernel' : 'silent';
    await this.#sandbox.close({
      keepLibraries: reason === 'silent',
      lost: { code: 'StateLost', params: { reason } }, // a library may be what keeps a kernel from starting
    });
    this.#warn({ code: 'SandboxGone', params: { reason } });
  }

  #warn(failure: Failure | SandboxError): void {
    void showWarning(`${fileName(this.notebook)}: ${paragraph(describe(failure, this.messageContext))}`);
  }

  // ----------------------------------------------------------------------------------------------------------- events

  #beforeShown(event: SandboxEvent): void {
    const run = event.msg_type === 'execute_input' ? this.#runOf(event) : undefined;
    if (event.msg_type === 'execute_input' && run !== undefined) {
      this.#targets.cellRan(this.session?.id, event, run.cell);
    }
  }

  #afterShown(event: SandboxEvent): void {
    if (
      event.msg_type === 'execute_reply' ||
      (event.msg_type === 'status' && event.content.execution_state === 'idle')
    ) {
      sendCapturedOutputs(this.session, this.#outputs, this.log);
    }
    if (event.msg_type !== 'input_request') {
      return;
    }
    const run = this.#runOf(event);
    const { session } = this;
    if (run !== undefined && session !== undefined) {
      this.prompts.answer(session, run, event);
    }
  }

  #runOf({ parent_header: parent }: SandboxEvent): CellRun | undefined {
    return this.executions.all().find(({ msgId }) => msgId === parent.msg_id);
  }
}
