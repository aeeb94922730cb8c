import { createHash, randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import { silentLog, type Log } from '../log';
import { describe, paragraph, type Surroundings } from '../messages';
import { EventBatcher } from '../outputs/batcher';
import { NotebookOutputs } from '../outputs/notebook-outputs';
import { SandboxError } from '../protocol/errors';
import type { EventOf, ExecuteReply, SandboxEvent } from '../protocol/messages';
import { asSandboxError } from '../session/failures';
import type { InstallOptions } from '../session/installs';
import type { SandboxSettings, SettingName } from '../session/settings';
import type { SandboxSession, SessionState } from '../session/types';
import { fileName, idOf, keyOf, tagsOf } from './cell-metadata';
import { needNewSandbox, readSettings } from './configuration';
import type { ErrorMarks } from './error-marks';
import { Executions, type CellRun } from './executions';
import { NotebookFolder } from './folder-copy';
import { LibraryOffers } from './library-offers';
import { completeMetadata } from './notebook-metadata';
import { askUser, echoOf } from './prompts';
import { SandboxClock } from './sandbox-clock';
import { Writer } from './writer';

/** `previous` has ended and kept its libraries; they are the new one's if its image is the same, else they are removed. */
export type StartSession = (notebook: vscode.NotebookDocument, settings: SandboxSettings, signal: AbortSignal, previous: SandboxSession | undefined) => Promise<SandboxSession>;

/** What a user can see of a notebook's sandbox. */
export type SandboxStatus = { kind: 'none' | 'starting' } | { kind: 'ready' | 'unreachable'; settings: SandboxSettings; pending: readonly SettingName[] };

interface Live { session: SandboxSession; settings: SandboxSettings; listeners: { dispose(): void }[] }
interface Starting { session: Promise<SandboxSession>; abort: AbortController }

/** The kernel of one notebook: its sandbox, started when the first cell runs, and everything that its cells show. */
export class NotebookKernel {
  readonly executions: Executions;
  readonly #outputs = new NotebookOutputs();
  readonly #clock = new SandboxClock();
  readonly #writer: Writer;
  readonly #folder: NotebookFolder;
  readonly #batcher = new EventBatcher((event) => this.#handle(event));
  #live: Live | undefined;
  #starting: Starting | undefined;
  /** Has ended, and its libraries wait for the next one. */
  #previous: SandboxSession | undefined;
  readonly #offers: LibraryOffers;

  constructor(
    readonly notebook: vscode.NotebookDocument, controller: vscode.NotebookController,
    private readonly startSession: StartSession, private readonly surroundings: Surroundings, private readonly log: Log,
    private readonly marks: ErrorMarks, private readonly changed: () => void,
  ) {
    this.executions = new Executions(controller);
    this.#offers = new LibraryOffers(notebook);
    this.#writer = new Writer(this.executions, this.#clock, surroundings, log);
    this.#folder = new NotebookFolder(notebook, surroundings, log);
  }

  get status(): SandboxStatus {
    if (this.#live !== undefined) {
      const { session, settings } = this.#live;
      return { kind: session.state.kind === 'unreachable' ? 'unreachable' : 'ready', settings, pending: this.#pending() };
    }
    return { kind: this.#starting === undefined ? 'none' : 'starting' };
  }

  /** Undefined while there is no sandbox. */
  get session(): SandboxSession | undefined { return this.#live?.session; }

  /** Gives the running sandbox what it can take of the settings as they are now. The status says what is left for a new one. */
  async takeSettings(): Promise<void> {
    const live = this.#live;
    if (live !== undefined && this.#pending().includes('maxMemory')) {
      const { maxMemory } = readSettings(this.notebook.uri, this.log);
      if (await live.session.setMemory(maxMemory)) { live.settings = { ...live.settings, maxMemory }; }
    }
    this.changed();
  }

  /** What was installed into this notebook's sandbox, as pip requirements. */
  get installed(): readonly string[] { return (this.#live?.session ?? this.#previous)?.installed ?? []; }

  /** Installs into the sandbox, which is started if there is none. */
  async install(requirements: readonly string[], options: InstallOptions): Promise<void> {
    const session = await this.#session(readSettings(this.notebook.uri, this.log));
    await session.install(requirements, options);
  }

  /** Runs cells as one run: an error ends those behind it. Resolves when all have ended; never rejects for a cell's sake. */
  async run(cells: readonly vscode.NotebookCell[]): Promise<void> {
    const runs = cells.flatMap((cell) => this.#begin(cell) ?? []);
    const runId = randomUUID();
    try {
      const settings = readSettings(this.notebook.uri, this.log);
      const session = await this.#session(settings);
      await this.#folder.bring(session, settings);
      await Promise.all(runs.filter(({ state }) => state !== 'ended').map((run) => this.#send(session, run, runId, settings.timeout)));
      await completeMetadata(this.notebook);
    } catch (error) {
      this.#cannotRun(runs, asSandboxError(error));
    }
  }

  /** One press. Queued cells are called off first, so that none starts when the running one ends. */
  async interrupt(): Promise<void> {
    const runs = this.executions.all();
    const sent = runs.flatMap(({ msgId }) => msgId ?? []);
    const unsent = runs.filter(({ msgId }) => msgId === undefined);
    if (unsent.length > 0) {
      this.#starting?.abort.abort();
      this.#folder.callOff();
    }
    for (const run of unsent) { run.end(false); }
    const session = this.#live?.session;
    if (session !== undefined) { await Promise.all(sent.reverse().map((msgId) => session.interrupt(msgId))); }
  }

  /** A fresh kernel; all cells end. A sandbox that does not answer, or has other settings now, is replaced. */
  async reset({ applySettings }: { applySettings: boolean }): Promise<void> {
    this.#starting?.abort.abort();
    const live = this.#live;
    const before = this.executions.all(); // what is asked for while this goes on is for the fresh kernel
    this.#folder.callOff();
    this.#folder.retry();
    endAll(before.filter(({ msgId }) => msgId === undefined)); // no sandbox knows them
    if (live === undefined) {
      endAll(before);
      return;
    }
    const settings = readSettings(this.notebook.uri, this.log);
    if (applySettings && needNewSandbox(live.settings, settings).length > 0) {
      await this.close({ keepLibraries: true });
      return;
    }
    try {
      await live.session.reset({ files: 'keep', historySize: settings.historySize });
    } catch (error) {
      const failure = asSandboxError(error);
      this.log.warn(`reset failed, the sandbox is replaced: ${failure.message}`);
      await this.close({ keepLibraries: failure.code !== 'KernelDied' }); // a library may be what keeps a kernel from starting
    }
    this.#batcher.flush();
    endAll(before);
  }

  /** Ends sandbox and cells. The next cell starts anew, with the libraries that are kept for it. */
  async close({ keepLibraries = false }: { keepLibraries?: boolean } = {}): Promise<void> {
    const live = this.#live;
    const previous = this.#previous;
    this.#previous = keepLibraries ? live?.session ?? previous : undefined;
    const before = this.executions.all();
    this.#live = undefined;
    this.#starting?.abort.abort();
    this.#starting = undefined;
    this.changed();
    this.#folder.callOff();
    endAll(before.filter(({ msgId }) => msgId === undefined));
    await live?.session.dispose({ keepLibraries });
    if (!keepLibraries) { await previous?.dispose(); }
    for (const listener of live?.listeners ?? []) { listener.dispose(); }
    this.#batcher.flush();
    endAll(before);
  }

  /** The user cleared the cell's outputs. */
  cleared(cell: vscode.NotebookCell): void {
    if (this.#writer.isClearing(cell)) { return; }
    this.#batcher.flush();
    this.#outputs.forget(keyOf(cell));
  }

  /** The cell is no longer in the notebook: its run is called off. */
  async removed(cell: vscode.NotebookCell): Promise<void> {
    const run = this.executions.of(cell);
    this.#outputs.releaseCell(keyOf(cell));
    this.#writer.release(cell);
    this.marks.clear(cell);
    run?.end(false);
    if (run?.msgId !== undefined) { await this.#live?.session.interrupt(run.msgId); }
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

  async #send(session: SandboxSession, run: CellRun, runId: string, timeout: number): Promise<void> {
    const { cell, source } = run;
    const { msgId, reply } = session.execute(source, {
      timeout, stopOnError: !tagsOf(cell).includes('raises-exception'),
      metadata: { cellId: idOf(cell), index: cell.index, sourceHash: createHash('sha256').update(source).digest('hex').slice(0, 32), runId },
    });
    run.msgId = msgId;
    this.#outputs.begin(msgId, keyOf(cell));
    this.#writer.bind(msgId, run);
    const ended = await reply;
    this.#settle(run, msgId, ended);
    if (cell.index >= 0) { this.marks.show(cell, ended); }
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

  // ---------------------------------------------------------------------------------------------------------- session

  #session(settings: SandboxSettings): Promise<SandboxSession> {
    if (this.#live !== undefined) { return Promise.resolve(this.#live.session); }
    if (this.#starting !== undefined) { return this.#starting.session; }
    const abort = new AbortController();
    const previous = this.#previous;
    const starting: Starting = {
      abort,
      session: this.startSession(this.notebook, settings, abort.signal, previous).then(async (session) => {
        if (abort.signal.aborted) { // it came too late: another may be starting by now
          await session.dispose({ keepLibraries: session.libraries === previous?.libraries });
          throw new SandboxError('Cancelled');
        }
        this.#previous = undefined;
        this.#attach(session, settings);
        return session;
      }).finally(() => {
        if (this.#starting === starting) { this.#starting = undefined; }
        this.changed();
      }),
    };
    // a start that was given up must not hold up the next one
    abort.signal.addEventListener('abort', () => { if (this.#starting === starting) { this.#starting = undefined; } }, { once: true });
    this.#starting = starting;
    this.changed();
    return starting.session;
  }

  #attach(session: SandboxSession, settings: SandboxSettings): void {
    const events = session.onEvent((event) => {
      this.#clock.seen(event.t);
      this.#batcher.add(event);
    });
    const states = session.onState((state) => this.#stateChanged(session, state));
    this.#live = { session, settings, listeners: [events, states] };
  }

  #stateChanged(session: SandboxSession, state: SessionState): void {
    if (state.kind === 'gone' && this.#live?.session === session) {
      this.#live = undefined;
      this.#previous = session;
      // a cell that ran shows it; without one the user would only wonder why names are gone
      if (this.executions.all().length === 0) { this.#warn(state.failure); }
    }
    if (state.kind === 'unreachable') { this.#warn(state.failure); }
    this.changed();
  }

  /** Settings that only a new sandbox can have; none while one is invalid, which the next cell says. */
  #pending(): SettingName[] {
    if (this.#live === undefined) { return []; }
    try {
      return needNewSandbox(this.#live.settings, readSettings(this.notebook.uri, silentLog));
    } catch {
      return [];
    }
  }

  #warn(failure: SandboxError): void {
    void vscode.window.showWarningMessage(`${fileName(this.notebook)}: ${paragraph(describe(failure, this.surroundings))}`);
  }

  // ----------------------------------------------------------------------------------------------------------- events

  #handle(event: SandboxEvent): void {
    if (event.msg_type === 'input_request') {
      const run = this.executions.all().find(({ msgId }) => msgId === event.parent_header.msg_id);
      const session = this.#live?.session;
      if (run !== undefined && session !== undefined) {
        this.#prompt(session, run, event).catch((error: unknown) => this.log.error(`a prompt was not answered: ${asSandboxError(error).message}`));
      }
      return;
    }
    this.#writer.write(this.#outputs.fold(event));
  }

  async #prompt(session: SandboxSession, run: CellRun, event: EventOf<'input_request'>): Promise<void> {
    const { prompt, password, request } = event.content;
    this.#echo(event, prompt);
    const answer = await askUser(run, event.content);
    if (run.state === 'ended') { return; }
    if (answer === undefined) {
      await session.interrupt(event.parent_header.msg_id);
      return;
    }
    this.#echo(event, echoOf(answer, password));
    await session.answer(request, answer);
  }

  /** Prompt and answer stay in the output, as in a terminal: a box at the top of the window is easily missed. */
  #echo(event: EventOf<'input_request'>, text: string): void {
    if (text !== '') { this.#batcher.add({ ...event, channel: 'iopub', msg_type: 'stream', content: { name: 'stdout', text } }); }
  }
}

function endAll(runs: readonly CellRun[]): void {
  for (const run of runs) { run.end(false); }
}
