import { randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import type { Log } from '../log';
import { describe, paragraph, type Surroundings } from '../messages';
import { EventBatcher } from '../outputs/batcher';
import { NotebookOutputs } from '../outputs/notebook-outputs';
import type { SandboxError } from '../protocol/errors';
import { MAIN_KERNEL, type EventOf, type ExecuteReply, type Failure, type SandboxEvent } from '../protocol/messages';
import { asSandboxError } from '../session/failures';
import type { InstallOptions } from '../session/installs';
import type { SandboxSettings } from '../session/settings';
import type { SandboxSession } from '../session/types';
import { tellCaptured } from './captured-outputs';
import { fileName, hashOf, idOf, keyOf, tagsOf } from './cell-metadata';
import { readSettings } from './configuration';
import type { ErrorMarks } from './error-marks';
import { Executions, endAll, type CellRun } from './executions';
import { NotebookFolder } from './folder-copy';
import { LibraryOffers } from './library-offers';
import { NextInput } from './next-input';
import { completeMetadata } from './notebook-metadata';
import { askUser, echoOf } from './prompts';
import { restore, type RestoredRun } from './restoration';
import { SandboxBinding, type SandboxStatus, type SessionSource } from './sandbox-binding';
import { SandboxClock } from './sandbox-clock';
import type { SandboxRecords } from './sandbox-records';
import { TracebackTargets } from './traceback-targets';
import { Writer } from './writer';

/** The kernel of one notebook: its sandbox, started when the first cell runs, and everything that its cells show. */
export class NotebookKernel {
  readonly executions: Executions;
  readonly #outputs = new NotebookOutputs();
  readonly #clock = new SandboxClock();
  readonly #nextInput = new NextInput();
  readonly #writer: Writer;
  readonly #folder: NotebookFolder;
  readonly #targets: TracebackTargets;
  readonly #batcher = new EventBatcher((event) => this.#handle(event));
  readonly #sandbox: SandboxBinding;
  /** Cells that run in the sandbox and that the notebook does not have any more. */
  #strays: readonly string[] = [];
  readonly #offers: LibraryOffers;

  constructor(
    readonly notebook: vscode.NotebookDocument, controller: vscode.NotebookController,
    source: SessionSource, records: SandboxRecords, private readonly surroundings: Surroundings, private readonly log: Log,
    private readonly marks: ErrorMarks, changed: () => void,
  ) {
    this.executions = new Executions(controller);
    this.#offers = new LibraryOffers(notebook);
    this.#folder = new NotebookFolder(notebook, surroundings, log);
    this.#targets = new TracebackTargets(notebook, this.#folder);
    this.#writer = new Writer(this.executions, this.#clock, surroundings, this.#targets, log);
    this.#sandbox = new SandboxBinding(notebook, source, records, {
      restored: (session, events, seq) => this.#restore(session, events, seq),
      event: (event) => {
        this.#clock.seen(event.t);
        this.#batcher.add(event);
      },
      gone: () => {
        this.#strays = [];
        return this.executions.all().length > 0;
      },
      warn: (failure) => this.#warn(failure),
      changed,
    }, log);
  }

  get status(): SandboxStatus { return this.#sandbox.status; }

  /** Undefined while there is no sandbox. */
  get session(): SandboxSession | undefined { return this.#sandbox.session; }

  /** Gives the running sandbox what it can take of the settings as they are now. The status says what is left for a new one. */
  takeSettings(): Promise<void> { return this.#sandbox.takeSettings(); }

  /** See {@link SandboxBinding.imageMade}. */
  imageMade(settings: SandboxSettings): boolean { return this.#sandbox.imageMade(settings); }

  /** What was installed into this notebook's sandbox, as pip requirements. */
  get installed(): readonly string[] { return this.#sandbox.installed; }

  /** Finds the sandbox again that the notebook had in an earlier window. */
  reattach(how?: { takeOver: boolean }): Promise<void> { return this.#sandbox.reattach(how); }

  /** Installs into the sandbox, which is started if there is none. */
  async install(requirements: readonly string[], options: InstallOptions): Promise<void> {
    const session = await this.#sandbox.open(readSettings(this.notebook.uri, this.log));
    await session.install(requirements, options);
  }

  /** Runs cells as one run: an error ends those behind it. Resolves when all have ended; never rejects for a cell's sake. */
  async run(cells: readonly vscode.NotebookCell[]): Promise<void> {
    const runs = cells.flatMap((cell) => this.#begin(cell) ?? []);
    const runId = randomUUID();
    try {
      const settings = readSettings(this.notebook.uri, this.log);
      const session = await this.#sandbox.open(settings);
      const lost = this.#sandbox.takeLost();
      await this.#folder.bring(session, settings);
      await Promise.all(runs.filter(({ state }) => state !== 'ended').map((run, place) => this.#send(session, run, runId, settings.timeout, place === 0 ? lost : undefined)));
      await completeMetadata(this.notebook);
    } catch (error) {
      this.#cannotRun(runs, asSandboxError(error));
    }
  }

  /** One press. Queued cells are called off first, so that none starts when the running one ends. */
  async interrupt(): Promise<void> {
    const runs = this.executions.all();
    const sent = [...this.#strays, ...runs.flatMap(({ msgId }) => msgId ?? [])];
    const unsent = runs.filter(({ msgId }) => msgId === undefined);
    if (unsent.length > 0) {
      this.#sandbox.cancel();
      this.#folder.callOff();
    }
    for (const run of unsent) { run.end(false); }
    const { session } = this;
    if (session === undefined) { return; }
    if (runs.length === 0 && sent.length === 0) { await session.interruptCallback(); } // else a cell that waits for it is what is pressed for
    await Promise.all(sent.reverse().map((msgId) => session.interrupt(msgId)));
  }

  /** A fresh kernel; all cells end. A sandbox that does not answer, or has other settings now, is replaced. */
  async reset({ applySettings }: { applySettings: boolean }): Promise<void> {
    this.#sandbox.cancel();
    const { session } = this;
    const before = this.executions.all(); // what is asked for while this goes on is for the fresh kernel
    this.#folder.callOff();
    this.#folder.retry();
    endAll(before.filter(({ msgId }) => msgId === undefined)); // no sandbox knows them
    if (session === undefined) {
      this.#end(before);
      return;
    }
    const settings = readSettings(this.notebook.uri, this.log);
    if (applySettings && this.#sandbox.needsNew(settings)) {
      await this.close({ keepLibraries: true });
      return;
    }
    try {
      await session.reset({ files: 'keep', historySize: settings.historySize });
      this.#sandbox.took({ historySize: settings.historySize });
    } catch (error) {
      const failure = asSandboxError(error);
      this.log.warn(`reset failed, the sandbox is replaced: ${failure.message}`);
      await this.close({ keepLibraries: failure.code !== 'KernelDied' }); // a library may be what keeps a kernel from starting
    }
    this.#batcher.flush();
    this.#end(before);
  }

  /** Ends sandbox and cells. The next cell starts anew, with the libraries that are kept for it. */
  async close({ keepLibraries = false }: { keepLibraries?: boolean } = {}): Promise<void> {
    const before = this.executions.all();
    this.#folder.callOff();
    endAll(before.filter(({ msgId }) => msgId === undefined));
    await this.#sandbox.close({ keepLibraries });
    this.#batcher.flush();
    this.#end(before);
  }

  /** The window closes, or the notebook: cells go on in the sandbox, unless settings say that it ends now. */
  async leave(): Promise<void> {
    const before = this.executions.all();
    this.#folder.callOff();
    endAll(before.filter(({ msgId }) => msgId === undefined));
    if (!await this.#sandbox.leave()) {
      await this.close();
      return;
    }
    this.#batcher.flush();
    this.#end(before);
  }

  /** They ran in a kernel that the notebook has no more. */
  #end(runs: readonly CellRun[]): void {
    endAll(runs);
    this.marks.forget(this.notebook);
  }

  documentChanged(): void { this.#sandbox.documentChanged(); }

  /** The user cleared the cell's outputs. */
  cleared(cell: vscode.NotebookCell): void {
    if (this.#writer.isClearing(cell)) { return; }
    this.#batcher.flush();
    this.#outputs.forget(keyOf(cell));
    this.marks.clear(cell);
  }

  /** The cell is no longer in the notebook: its run is called off. */
  async removed(cell: vscode.NotebookCell): Promise<void> {
    const run = this.executions.of(cell);
    this.#outputs.releaseCell(keyOf(cell));
    this.#writer.release(cell);
    this.marks.clear(cell);
    run?.end(false);
    if (run?.msgId !== undefined) { await this.session?.interrupt(run.msgId); }
  }

  // ---------------------------------------------------------------------------------------------------------- sending

  /** VS Code refuses a cell that was removed or given to another kernel meanwhile; the others run. */
  #begin(cell: vscode.NotebookCell): CellRun | undefined {
    try {
      const run = this.executions.begin(cell);
      if (run !== undefined) { this.marks.clear(cell); }
      return run;
    } catch (error) {
      this.log.warn(`a cell cannot be run: ${String(error)}`);
      return undefined;
    }
  }

  /** @param notice what the cell has to say first */
  async #send(session: SandboxSession, run: CellRun, runId: string, timeout: number, notice: Failure | undefined): Promise<void> {
    const { cell, source } = run;
    const { msgId, reply } = session.execute(source, {
      timeout, stopOnError: !tagsOf(cell).includes('raises-exception'),
      metadata: { cellId: idOf(cell), index: cell.index, sourceHash: hashOf(source), runId },
    });
    run.msgId = msgId;
    this.#outputs.begin(msgId, keyOf(cell));
    this.#writer.bind(msgId, run);
    if (notice !== undefined) { this.#handle(noticeFor(msgId, notice)); }
    await this.#ending(session, run, msgId, reply);
  }

  async #ending(session: SandboxSession, run: CellRun, msgId: string, reply: Promise<ExecuteReply>): Promise<void> {
    const { cell } = run;
    const ended = await reply;
    if (ended.failure?.params['reason'] === 'detached') { // it goes on, for a later window to show
      run.end(false);
      return;
    }
    this.#settle(run, msgId, ended);
    this.marks.show(cell, ended);
    this.#folder.missed(ended);
    this.#nextInput.show(run, ended).then((trouble) => { if (trouble !== undefined) { this.#warn(trouble); } })
      .catch((error: unknown) => this.log.warn(`a next input was not shown: ${String(error)}`));
    this.#offers.offer(session.installed);
  }

  /** Whatever the events said, the run has ended now. */
  #settle(run: CellRun, name: string, reply: ExecuteReply): void {
    this.#batcher.flush();
    this.#writer.write(this.#outputs.end(name, reply));
    run.end(reply.status === 'ok');
  }

  /** The first cell says why, the others end without a word. */
  #cannotRun(runs: readonly CellRun[], error: SandboxError): void {
    this.log.error(`cells could not run: ${error.message}`);
    const [first, ...others] = runs.filter(({ state }) => state !== 'ended');
    if (first !== undefined) {
      const name = randomUUID();
      this.#outputs.begin(name, keyOf(first.cell));
      this.#writer.bind(name, first);
      const { code, params } = error;
      this.#settle(first, name, {
        status: 'error', execution_count: null, ename: code, evalue: '', traceback: [], payload: [], user_expressions: {}, failure: { code, params },
      });
    }
    for (const run of others) { run.end(false); }
  }

  // ---------------------------------------------------------------------------------------------------------- restoring

  /** Shows what the cells of an earlier window have done meanwhile, and goes on with those that run. */
  #restore(session: SandboxSession, events: readonly SandboxEvent[], seq: number): void {
    this.#clock.seen(session.clock.t, session.clock.at);
    const { runs, strays, homeless } = restore(events, session.cells, this.notebook, this.#outputs, seq);
    const cells = new Map(runs.map(({ msgId, cell }) => [msgId, cell]));
    for (const event of events) {
      const cell = cells.get(event.parent_header.msg_id);
      if (event.msg_type === 'execute_input' && cell !== undefined) { this.#targets.ran(session.id, event, cell); }
    }
    this.#strays = strays.map(({ msgId }) => msgId);
    for (const stray of strays) { void stray.reply.then(() => { this.#strays = this.#strays.filter((msgId) => msgId !== stray.msgId); }); }
    for (const restored of runs) {
      try {
        this.#restoreRun(session, restored);
      } catch (error) { // the cell was removed or given to another kernel meanwhile
        this.log.warn(`a cell cannot be shown as it is: ${String(error)}`);
      }
    }
    if (homeless > 0) {
      void vscode.window.showInformationMessage(vscode.l10n.t('{0}: cells that ran meanwhile are no longer in the notebook, so their output is not shown.', fileName(this.notebook)));
    }
    this.log.info(`attached again: ${runs.length} cells known, ${session.cells.length} open`);
  }

  #restoreRun(session: SandboxSession, { msgId, cell, document, open, prompt, isNew, end }: RestoredRun): void {
    if (open === undefined) {
      const { order, success = false, t } = document;
      const times = isNew && end !== undefined && document.started
        ? { order, success, start: this.#clock.toLocal(t ?? end.t, 0), end: this.#clock.toLocal(end.t, 0) } : undefined;
      this.#writer.restoreEnded(msgId, cell, document, times);
      if (end !== undefined) { this.marks.show(cell, end.reply); }
      return;
    }
    const run = this.executions.begin(cell);
    if (run === undefined) { return; }
    run.msgId = msgId;
    this.#writer.restore(msgId, run, document);
    this.#ending(session, run, msgId, open.reply).catch((error: unknown) => this.log.error(`a cell did not end: ${String(error)}`));
    if (prompt !== undefined) { this.#ask(session, run, prompt); }
  }

  #warn(failure: Failure | SandboxError): void {
    void vscode.window.showWarningMessage(`${fileName(this.notebook)}: ${paragraph(describe(failure, this.surroundings))}`);
  }

  // ----------------------------------------------------------------------------------------------------------- events

  #handle(event: SandboxEvent): void {
    if (event.msg_type === 'execute_input') {
      const run = this.#runOf(event);
      if (run !== undefined) { this.#targets.ran(this.session?.id, event, run.cell); }
    }
    this.#writer.write(this.#outputs.fold(event));
    if (event.msg_type === 'execute_reply' || (event.msg_type === 'status' && event.content.execution_state === 'idle')) { tellCaptured(this.session, this.#outputs, this.log); }
    if (event.msg_type !== 'input_request') { return; }
    const run = this.#runOf(event);
    const { session } = this;
    if (run !== undefined && session !== undefined) { this.#ask(session, run, event); }
  }

  #ask(session: SandboxSession, run: CellRun, event: EventOf<'input_request'>): void {
    this.#prompt(session, run, event).catch((error: unknown) => this.log.error(`a prompt was not answered: ${asSandboxError(error).message}`));
  }

  #runOf({ parent_header: parent }: SandboxEvent): CellRun | undefined { return this.executions.all().find(({ msgId }) => msgId === parent.msg_id); }

  async #prompt(session: SandboxSession, run: CellRun, event: EventOf<'input_request'>): Promise<void> {
    const { password, request } = event.content;
    const cell = event.parent_header.msg_id;
    const answer = await askUser(run, event.content);
    if (run.state === 'ended') { return; }
    if (answer === undefined) {
      await session.interrupt(cell);
      return;
    }
    await session.answer(request, answer, { cell, echo: echoOf(answer, password) });
  }
}

const noticeFor = (msgId: string, content: Failure): SandboxEvent => ({
  seq: 0, kernel: MAIN_KERNEL, gen: 0, t: 0, channel: 'iopub', msg_type: 'notice', parent_header: { msg_id: msgId }, content, metadata: {}, buffers: [],
});
