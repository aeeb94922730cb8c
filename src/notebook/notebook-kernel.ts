import { createHash, randomUUID } from 'node:crypto';
import * as vscode from 'vscode';
import type { Log } from '../log';
import { describe, paragraph, type Surroundings } from '../messages';
import { EventBatcher } from '../outputs/batcher';
import { NotebookOutputs } from '../outputs/notebook-outputs';
import { SandboxError } from '../protocol/errors';
import type { EventOf, ExecuteReply, SandboxEvent } from '../protocol/messages';
import { asSandboxError } from '../session/failures';
import type { SandboxSettings } from '../session/settings';
import type { SandboxSession, SessionState } from '../session/types';
import { fileName, idOf, keyOf, tagsOf } from './cell-metadata';
import { needsNewSandbox, readSettings } from './configuration';
import { Executions, type CellRun } from './executions';
import { askUser, echoOf } from './prompts';
import { SandboxClock } from './sandbox-clock';
import { Writer } from './writer';

export type StartSession = (notebook: vscode.NotebookDocument, settings: SandboxSettings, signal: AbortSignal) => Promise<SandboxSession>;

interface Live { session: SandboxSession; settings: SandboxSettings; listeners: { dispose(): void }[] }
interface Starting { session: Promise<SandboxSession>; abort: AbortController }

/** The kernel of one notebook: its sandbox, started when the first cell runs, and everything that its cells show. */
export class NotebookKernel {
  readonly executions: Executions;
  readonly #outputs = new NotebookOutputs();
  readonly #clock = new SandboxClock();
  readonly #writer: Writer;
  readonly #batcher = new EventBatcher((event) => this.#handle(event));
  #live: Live | undefined;
  #starting: Starting | undefined;

  constructor(
    readonly notebook: vscode.NotebookDocument, controller: vscode.NotebookController,
    private readonly startSession: StartSession, private readonly surroundings: Surroundings, private readonly log: Log,
  ) {
    this.executions = new Executions(controller);
    this.#writer = new Writer(this.executions, this.#clock, surroundings, log);
  }

  /** Runs cells as one run: an error ends those behind it. Resolves when all have ended; never rejects for a cell's sake. */
  async run(cells: readonly vscode.NotebookCell[]): Promise<void> {
    const runs = cells.flatMap((cell) => this.#begin(cell) ?? []);
    const runId = randomUUID();
    try {
      const settings = readSettings(this.notebook.uri, this.log);
      const session = await this.#session(settings);
      await Promise.all(runs.filter(({ state }) => state !== 'ended').map((run) => this.#send(session, run, runId, settings.timeout)));
    } catch (error) {
      this.#cannotRun(runs, asSandboxError(error));
    }
  }

  /** One press. Queued cells are called off first, so that none starts when the running one ends. */
  async interrupt(): Promise<void> {
    const runs = this.executions.all();
    const sent = runs.flatMap(({ msgId }) => msgId ?? []);
    const unsent = runs.filter(({ msgId }) => msgId === undefined);
    if (unsent.length > 0) { this.#starting?.abort.abort(); }
    for (const run of unsent) { run.end(false); }
    const session = this.#live?.session;
    if (session !== undefined) { await Promise.all(sent.reverse().map((msgId) => session.interrupt(msgId))); }
  }

  /** A fresh kernel; all cells end. A sandbox that does not answer, or has other settings now, is replaced. */
  async reset({ applySettings }: { applySettings: boolean }): Promise<void> {
    this.#starting?.abort.abort();
    const live = this.#live;
    const before = this.executions.all(); // what is asked for while this goes on is for the fresh kernel
    if (live === undefined) {
      endAll(before);
      return;
    }
    const settings = readSettings(this.notebook.uri, this.log);
    if (applySettings && needsNewSandbox(live.settings, settings)) {
      await this.close();
      return;
    }
    try {
      await live.session.reset({ files: 'keep', historySize: settings.historySize });
    } catch (error) {
      this.log.warn(`reset failed, the sandbox is replaced: ${asSandboxError(error).message}`);
      await this.close();
    }
    this.#batcher.flush();
    endAll(before);
  }

  /** Ends sandbox and cells. The next cell starts anew. */
  async close(): Promise<void> {
    const live = this.#live;
    const before = this.executions.all();
    this.#live = undefined;
    this.#starting?.abort.abort();
    this.#starting = undefined;
    await live?.session.dispose();
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
    run?.end(false);
    if (run?.msgId !== undefined) { await this.#live?.session.interrupt(run.msgId); }
  }

  // ---------------------------------------------------------------------------------------------------------- sending

  /** VS Code refuses a cell that was removed or given to another kernel meanwhile; the others run. */
  #begin(cell: vscode.NotebookCell): CellRun | undefined {
    try {
      return this.executions.begin(cell);
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
    this.#settle(run, msgId, await reply);
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
    const starting: Starting = {
      abort,
      session: this.startSession(this.notebook, settings, abort.signal).then(async (session) => {
        if (abort.signal.aborted) { // it came too late: another may be starting by now
          await session.dispose();
          throw new SandboxError('Cancelled');
        }
        this.#attach(session, settings);
        return session;
      }).finally(() => {
        if (this.#starting === starting) { this.#starting = undefined; }
      }),
    };
    // a start that was given up must not hold up the next one
    abort.signal.addEventListener('abort', () => { if (this.#starting === starting) { this.#starting = undefined; } }, { once: true });
    return (this.#starting = starting).session;
  }

  #attach(session: SandboxSession, settings: SandboxSettings): void {
    const events = session.onEvent((event) => {
      this.#clock.seen(event.t);
      this.#batcher.add(event);
    });
    const states = session.onState((state) => this.#changed(session, state));
    this.#live = { session, settings, listeners: [events, states] };
  }

  #changed(session: SandboxSession, state: SessionState): void {
    if (state.kind === 'gone' && this.#live?.session === session) {
      this.#live = undefined;
      // a cell that ran shows it; without one the user would only wonder why names are gone
      if (this.executions.all().length === 0) { this.#warn(state.failure); }
    }
    if (state.kind === 'unreachable') { this.#warn(state.failure); }
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
