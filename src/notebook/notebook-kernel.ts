import { randomUUID } from 'node:crypto';
import type * as vscode from 'vscode';
import type { Log } from '../log';
import { describe, paragraph, type MessageContext } from '../messages';
import { OutputFlow } from '../outputs/flow';
import { NotebookOutputs } from '../outputs/notebook-outputs';
import type { SandboxError } from '../protocol/errors';
import type { Failure } from '../protocol/messages';
import { asSandboxError } from '../session/failures';
import type { InstallOptions } from '../session/installs/installs';
import type { SandboxSettings } from '../session/settings';
import type { SandboxSession } from '../session/types';
import { showWarning } from '../ui/messages';
import { sendCapturedOutputs } from './execution/captured-outputs';
import { fileName, cellKey } from './cell-metadata';
import { CellRuns } from './execution/cell-runs';
import { readSettings } from './configuration';
import type { ErrorMarks } from './traceback/error-marks';
import { Executions, endAll, type CellRun } from './execution/executions';
import { LibraryOffers } from './library-offers';
import { NotebookEvents, type NotebookEventSource } from './notebook-events';
import { NotebookFolder } from './files/notebook-folder';
import { completeMetadata } from './notebook-metadata';
import type { Prompts } from './execution/prompts';
import { RestoredRuns, type LogReplay } from './execution/restored-runs';
import type { SandboxStatus } from './sandbox/binding-options';
import { SandboxBinding } from './sandbox/sandbox-binding';
import type { SessionSource } from './sandbox/session-source';
import { SandboxClock } from './execution/sandbox-clock';
import type { SandboxRecords } from './sandbox/sandbox-records';
import { TracebackTargets } from './traceback/traceback-targets';
import { Writer } from './execution/writer';

export interface KernelOptions {
  controller: vscode.NotebookController;
  source: SessionSource;
  records: SandboxRecords;
  messageContext: MessageContext;
  log: Log;
  marks: ErrorMarks;
  prompts: Prompts;
}

/** The kernel of one notebook: its sandbox, and everything that its cells show. */
export class NotebookKernel {
  readonly executions: Executions;
  /** `didChangeStatus` reports that {@link status} may have changed. */
  readonly events: NotebookEventSource;
  readonly #events: NotebookEvents;
  readonly #outputs = new NotebookOutputs();
  readonly #clock = new SandboxClock();
  readonly #writer: Writer;
  readonly #folder: NotebookFolder;
  readonly #targets: TracebackTargets;
  readonly #flow = new OutputFlow(this.#outputs, {
    write: (edits) => this.#writer.write(edits),
    countOpenRuns: () => this.executions.all().length,
    isOfRun: (event) => this.executions.ofEvent(event) !== undefined,
    willShow: (event) => this.#events.emit('willShow', event),
    didShow: (event) => this.#events.emit('didShow', event),
  });
  readonly #sandbox: SandboxBinding;
  readonly #restored: RestoredRuns;
  readonly #runs: CellRuns;
  /**
   * New cells wait for a pending restart or shutdown, so that they are never sent to the old kernel. Resolves when the
   * request has reached the sandbox.
   */
  #resetBarrier: Promise<void> = Promise.resolve();

  constructor(
    readonly notebook: vscode.NotebookDocument,
    private readonly options: KernelOptions,
  ) {
    const { controller, source, records, messageContext, log, marks, prompts } = options;
    this.#events = new NotebookEvents(log);
    this.events = this.#events;
    this.executions = new Executions(controller, log);
    this.#folder = new NotebookFolder(notebook, messageContext, log);
    this.#targets = new TracebackTargets(notebook, this.#folder);
    this.#writer = new Writer(this.executions, { clock: this.#clock, messageContext, targets: this.#targets, log });
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
      this.events,
      log,
    );
    this.#runs = new CellRuns(
      { executions: this.executions, outputs: this.#outputs, writer: this.#writer, marks },
      {
        flushText: () => this.#flow.flushText(),
        waitUntilShown: () => this.#flow.passed(),
        show: (event) => this.#flow.show(event),
        ended: (session, run, reply) => this.#events.emit('didEndRun', { session, run, reply }),
        warn: (failure) => this.#warn(failure),
      },
      log,
    );
    this.#sandbox = new SandboxBinding(notebook, {
      source,
      records,
      log,
      sink: {
        created: (session, settings, { isUnused }) =>
          this.#folder.copyEarly(session, settings, { isForCell: !isUnused }),
        beginReplay: (seq) => this.#beginReplay(seq),
        event: (event) => {
          this.#events.emit('received', event);
          this.#flow.add(event);
        },
        gone: () => {
          this.#events.emit('didLoseSandbox', undefined);
          return this.executions.all().length > 0;
        },
        unreachable: (failure) => {
          // A running cell reports this itself.
          if (this.executions.all().length === 0) {
            this.#warn(failure);
          }
        },
        warn: (failure) => this.#warn(failure),
        changed: () => this.#events.emit('didChangeStatus', undefined),
      },
    });
    this.events.on('received', ({ t }) => this.#clock.observe(t));
    this.#targets.listen(this.events, this);
    sendCapturedOutputs(this.events, this, this.#outputs, log);
    prompts.listen(this.events, this);
    marks.listen(this.events);
    this.events.on('didEndRun', ({ reply }) => this.#folder.explainMissingFile(reply));
    new LibraryOffers(notebook).listen(this.events);
  }

  get status(): SandboxStatus {
    return this.#sandbox.status;
  }

  /** Undefined while the notebook has no sandbox. */
  get session(): SandboxSession | undefined {
    return this.#sandbox.session;
  }

  /** See {@link LiveSettings.apply}. */
  applySettings(): Promise<void> {
    return this.#sandbox.settings.apply();
  }

  /** See {@link LiveSettings.imageRebuilt}. */
  imageRebuilt(settings: SandboxSettings): boolean {
    return this.#sandbox.settings.imageRebuilt(settings);
  }

  /** See {@link SandboxBinding.isUnused}. */
  get isUnused(): boolean {
    return this.#sandbox.isUnused;
  }

  /** See {@link SandboxBinding.startEarly}. */
  startEarly(how: { makesImage: boolean }): Promise<boolean> {
    return this.#sandbox.startEarly(readSettings(this.notebook.uri, this.options.log), how);
  }

  /** The pip requirements that were installed into this notebook's sandbox. */
  get installed(): readonly string[] {
    return this.#sandbox.installed;
  }

  /** Attaches to the sandbox that the notebook had in an earlier window. */
  reattach(how?: { takeOver: boolean }): Promise<void> {
    return this.#sandbox.reattach(how);
  }

  /** Installs packages into the sandbox, and starts one if the notebook has none. */
  async install(requirements: readonly string[], options: InstallOptions): Promise<void> {
    const session = await this.#sandbox.open(readSettings(this.notebook.uri, this.options.log));
    await session.install(requirements, options);
  }

  /**
   * Runs cells as one run: an error in a cell ends the cells after it. Resolves when all have ended. Never rejects
   * because of a failing cell.
   */
  async run(cells: readonly vscode.NotebookCell[]): Promise<void> {
    const runs = cells.flatMap((cell) => this.#runs.begin(cell) ?? []);
    const waiting = (): CellRun[] => runs.filter(({ state, msgId }) => state !== 'ended' && msgId === undefined);
    const runId = randomUUID();
    try {
      await this.#resetBarrier;
      const settings = readSettings(this.notebook.uri, this.options.log);
      const session = await this.#sandbox.open(settings, () => waiting().length > 0);
      const where = await this.#folder.copyFiles(session, settings, this.#sandbox.settings.filesSetting(settings));
      const sent = waiting();
      // A notice is shown only once, so it must not go to cancelled cells.
      const lost = sent.length === 0 ? undefined : this.#sandbox.takeStateLoss();
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

  /**
   * Handles one press of the interrupt button. Queued cells are cancelled first, so that none of them starts when the
   * running one ends.
   */
  async interrupt(): Promise<void> {
    const unsent = this.executions.all().filter(({ msgId }) => msgId === undefined);
    if (unsent.length > 0) {
      this.#sandbox.cancel();
      this.#folder.cancel();
    } else {
      await this.#sandbox.waitForLookup(); // the interrupt is for the cells that run in that sandbox
    }
    endAll(unsent);
    const { session } = this;
    if (session === undefined) {
      return;
    }
    const sent = [...this.#restored.unshownRuns, ...this.executions.all().flatMap(({ msgId }) => msgId ?? [])];
    if (unsent.length === 0 && sent.length === 0) {
      // Otherwise the user means a cell that waits for the callback.
      await session.interruptCallback();
    }
    await Promise.all(sent.reverse().map((msgId) => session.interrupt(msgId)));
  }

  /**
   * Starts a fresh kernel and ends all cells. With `applySettings`, the sandbox is replaced if its settings have
   * changed. If the sandbox does not answer or has no kernel any more, this rejects with a SandboxError and keeps the
   * sandbox; with `applySettings` the sandbox is replaced instead, and the user is told.
   * @returns false if the notebook had no sandbox and none was being started
   */
  async reset({ applySettings }: { applySettings: boolean }): Promise<boolean> {
    const before = this.executions.all(); // cells that are run from now on belong to the fresh kernel
    const hadWork = before.length > 0 || this.status.kind === 'starting';
    this.#cancelUnsent(before);
    this.#folder.retry();
    return this.#blockNewCellsDuring(async (reached) => {
      const session = await this.#sandbox.find();
      if (session === undefined) {
        this.#endRuns(before);
        return hadWork;
      }
      const settings = readSettings(this.notebook.uri, this.options.log);
      const { historySize } = settings;
      try {
        const isReplaced = applySettings && this.#sandbox.settings.needNewSandbox(settings);
        const files = applySettings ? settings.resetFiles : 'keep';
        const done = isReplaced ? this.#sandbox.close({ keepLibraries: true }) : session.reset({ files, historySize });
        if (files === 'keep') {
          // Otherwise files that are copied for the next cell might be cleared too.
          reached();
        }
        await done;
        if (!isReplaced) {
          this.#sandbox.settings.applied({ historySize });
        }
        if (files === 'clear') {
          this.#folder.filesDeleted();
        }
      } catch (error) {
        const failure = asSandboxError(error);
        // The ended session reports itself what was lost.
        const isOver = ['gone', 'disposed'].includes(session.state.kind);
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

  /**
   * Ends the sandbox and all cells. The next cell starts a new sandbox. Rejects if the sandbox of an earlier window
   * cannot be ended.
   */
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

  /** The notebook or the window is closing. Cells go on in the sandbox, unless the settings say that it ends now. */
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

  /** Ends runs whose kernel no longer belongs to the notebook. */
  #endRuns(runs: readonly CellRun[]): void {
    endAll(runs);
    this.executions.flushLate();
    this.options.marks.clearAll(this.notebook);
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
    this.options.marks.clear(cell);
  }

  /** The cell was removed from the notebook. Its run is cancelled. */
  async cellRemoved(cell: vscode.NotebookCell): Promise<void> {
    const run = this.executions.of(cell);
    this.#outputs.releaseCell(cellKey(cell));
    this.#writer.release(cell);
    this.executions.forget(cell);
    this.options.marks.clear(cell);
    run?.end(false);
    if (run?.msgId !== undefined) {
      await this.session?.interrupt(run.msgId, { run: false });
    }
  }

  // ---------------------------------------------------------------------------------------------------------- restoring

  /** Shows what the cells of an earlier window have done meanwhile, and follows those that still run. */
  #beginReplay(seq: number): LogReplay {
    return this.#restored.beginReplay(seq, (session, run, { msgId, reply }, prompts) => {
      this.#runs
        .follow(session, run, msgId, reply)
        .catch((error: unknown) => this.options.log.error(`a cell did not end: ${String(error)}`));
      for (const prompt of prompts) {
        this.options.prompts.answer(session, run, prompt);
      }
    });
  }

  // ----------------------------------------------------------------------------------------------------------- ending

  /** Ends cells that were not sent to a sandbox yet. */
  #cancelUnsent(runs: readonly CellRun[]): void {
    this.#folder.cancel();
    endAll(runs.filter(({ msgId }) => msgId === undefined));
  }

  /**
   * Does `work` before any cell that is run from now on is sent. New cells wait until `work` calls `reached` or ends.
   */
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

  /** Replaces a sandbox that cannot provide a fresh kernel, because the user wants one in any case. */
  async #replace(failure: SandboxError): Promise<void> {
    this.options.log.warn(`reset failed, the sandbox is replaced: ${failure.message}`);
    const reason = failure.code === 'KernelDied' ? 'noKernel' : 'silent';
    await this.#sandbox.close({
      keepLibraries: reason === 'silent',
      lost: { code: 'StateLost', params: { reason } }, // a library may prevent the kernel from starting
    });
    this.#warn({ code: 'SandboxGone', params: { reason } });
  }

  #warn(failure: Failure | SandboxError): void {
    void showWarning(`${fileName(this.notebook)}: ${paragraph(describe(failure, this.options.messageContext))}`);
  }
}
