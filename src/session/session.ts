import { randomUUID } from 'node:crypto';
import type { Engine, FoundSandbox, LifeEvent, SandboxFile } from '../engine/engine';
import type { InstallNetwork } from '../engine/image/install-network';
import { librariesName } from '../engine/libraries';
import { silentLog, type Log } from '../log';
import { command, encodeCommand } from '../protocol/encode';
import { SandboxError } from '../protocol/errors';
import {
  MAIN_KERNEL, MAX_MESSAGE_BYTES, PROTOCOL_VERSION, type AnswerMetadata, type CommandContents, type EventContents, type Failure, type ExecuteReply, type MimeBundle, type SandboxEvent,
} from '../protocol/messages';
import { Comms, type CommMessage } from './comms';
import { completionOf } from './completion';
import { Conditions } from './conditions';
import { Connection } from './connection';
import { SandboxContainer } from './container';
import { aborted, asSandboxError, exited, replyOf } from './failures';
import { Follower } from './follower';
import { Installs, type InstallOptions } from './installs';
import { Listeners } from './listeners';
import type { SandboxSettings } from './settings';
import { States } from './states';
import { TIMING, within, type Timing } from './time';
import type { AttachedCell, CellExecution, Completion, ExecuteOptions, SandboxSession, SessionState } from './types';
import { Work } from './work';

interface CommonOptions {
  /** For a sandbox that is there: those that it was started with. */
  settings: SandboxSettings;
  /** How installs get to the package index, asked for when one begins. */
  network?: () => Promise<InstallNetwork>;
  /** Words for a cell whose install fails; default: code and parameters. */
  explain?: (failure: SandboxError) => string;
  log?: Log;
  timing?: Timing;
}

export interface SessionOptions extends CommonOptions {
  /** The derived image, as `engine.ensureImage` named it. */
  image: string;
  /** Random id of this installation. */
  owner: string;
  /** Where the notebook was first, for people. */
  notebookHint: string;
  /** Seconds that the sandbox lives without a host. */
  lease: number;
  /** Seconds that it lives without being used; 0 = for ever. */
  idle?: number;
  /** A session on the same image that has ended and kept its libraries, which this one takes over. */
  previous?: Pick<SandboxSession, 'libraries' | 'installed'>;
}

export interface AttachOptions extends CommonOptions {
  sandbox: FoundSandbox;
  /** Of the supervisor that is meant; '' = whichever runs there. */
  boot: string;
  /** The id of the host whose place this is: a stream of it that nobody has closed yet goes. */
  host?: string;
  /** Ends another host that writes to the sandbox; else the session ends as `InUse` where there is one. */
  takeOver?: boolean;
  /** Requirements known to be in its libraries. */
  installed?: readonly string[];
}

/** A life of a sandbox: its container, the stream to it, the cells that run in it. See README "Architecture". */
export class InteractiveSandboxSession implements SandboxSession {
  readonly id: string;
  readonly lang = 'python';
  readonly kernelType = 'ipython';
  /** Settles with the first `ready`; rejects with why that never came. Nobody has to wait for it: cells may be sent before. */
  readonly started: Promise<void>;

  readonly host: string;
  readonly image: string;
  readonly libraries: string;
  readonly #events: Listeners<SandboxEvent>;
  readonly #states: States;
  readonly #conditions = new Conditions((msgId, notice) => { this.#notice(msgId, notice); });
  readonly #container: SandboxContainer;
  readonly #work: Work;
  readonly #comms: Comms;
  readonly #installs: Installs;
  readonly #follower: Follower;
  readonly #life: { dispose(): void };
  readonly #log: Log;
  readonly #timing: Timing;
  #connection: Connection | undefined;
  #settleStart!: { resolve: () => void; reject: (failure: SandboxError) => void };
  #startDeadline: NodeJS.Timeout | undefined;
  /** Set while a hello's promise of a replay is not fulfilled yet. */
  #replaying: NodeJS.Timeout | undefined;
  #outOfMemory = false;
  #clock = { t: 0, at: 0 };
  /** Until the sandbox has said that the place is ours. */
  #taking: boolean;
  #adopted: AttachedCell[] = [];
  /** The log's end at the first hello: what is asked up to there may have been answered to an earlier host. */
  #past = 0;
  #openRequest = '';
  /** Bytes; the setting's until it changes while the sandbox lives. */
  #memory: number;
  #disposal: Promise<void> | undefined;
  #libraryRemoval: Promise<void> | undefined;

  /** Begins to create a sandbox; an aborted `signal` before its first hello ends it as `Cancelled`. */
  static start(engine: Engine, options: SessionOptions, signal?: AbortSignal): InteractiveSandboxSession {
    const { image, owner, notebookHint, settings, lease, idle = 0, previous } = options;
    const { maxMemory: memory, cpus, pids, logBudget, maxOutput, historySize, pollInterval } = settings;
    return new InteractiveSandboxSession(engine, {
      sandboxId: randomUUID(), owner, notebookHint, image, lease, idle, libraries: previous?.libraries ?? librariesName(),
      memory, cpus, pids, logBudget, maxOutput, historySize, pollInterval,
    }, { ...options, installed: previous?.installed ?? [] }, signal);
  }

  /**
   * Becomes the host of a sandbox that runs. Listeners that are added at once get its whole log, as far as it is kept; then
   * {@link started} resolves and {@link cells} are those that are still open. When it rejects, the sandbox is left as it is.
   */
  static attach(engine: Engine, options: AttachOptions, signal?: AbortSignal): InteractiveSandboxSession {
    return new InteractiveSandboxSession(engine, options.sandbox, options, signal);
  }

  private constructor(
    private readonly engine: Engine, sandbox: ConstructorParameters<typeof SandboxContainer>[1], private readonly options: CommonOptions & Partial<AttachOptions>, signal?: AbortSignal,
  ) {
    this.id = sandbox.sandboxId;
    this.host = options.host ?? randomUUID();
    this.image = sandbox.image;
    this.libraries = sandbox.libraries;
    this.#taking = options.takeOver ?? false;
    this.#log = options.log ?? silentLog;
    this.#timing = options.timing ?? TIMING;
    this.#events = new Listeners(this.#log);
    this.#states = new States(this.id, this.#timing.unreachable, this.#log);
    this.#states.listeners.add((state) => { this.#conditions.update(state, this.#work.oldest); });
    this.#work = new Work({
      send: (line) => this.#connection?.send(line) ?? false,
      unsent: () => this.#connection?.unsent ?? 0,
      changed: () => { this.#connection?.await(this.#work.isAwaited); },
    }, this.#timing, this.#log);
    const { settings } = options;
    this.#comms = new Comms(this.#work, this.#timing, settings.timeout);
    this.#memory = settings.maxMemory;
    this.#container = new SandboxContainer(engine, sandbox, this.#log);
    const { network = () => Promise.resolve({ proxies: {}, certificates: undefined }), explain = (failure) => failure.message } = options;
    this.#installs = new Installs(engine, { containerId: () => this.#container.create(), libraries: this.libraries, network, explain }, {
      isOpen: (msgId) => this.#work.isOpen(msgId),
      send: async (type, content) => { await this.#work.request(type, content, { operation: 'answer', deadline: this.#timing.install }); },
    }, this.#log);
    this.#installs.done.push(...options.installed ?? []);
    this.#follower = new Follower({
      logged: (event) => { this.#logged(event); },
      unlogged: (event) => {
        if (event.msg_type === 'comm_gap') this.#events.emit(event);
        this.#work.settle(event);
      },
      hole: () => { this.#work.missed(); },
      unreadable: (msgId, reason) => { this.#missing(msgId, { code: 'ProtocolViolation', params: { problem: 'output', reason } }); },
    }, this.#log, Math.min(MAX_MESSAGE_BYTES, 16 * 1024 * 1024 + 8 * settings.maxOutput));
    this.started = new Promise((resolve, reject) => { this.#settleStart = { resolve, reject }; });
    this.started.catch(() => undefined); // the state tells it too
    this.#life = engine.onLifeEvent((event) => { if (event.sandboxId === this.id) this.#lifeEvent(event); });
    const cancel = () => { if (this.state.kind === 'starting') this.#gone(new SandboxError('Cancelled')); };
    if (signal?.aborted) queueMicrotask(cancel);
    signal?.addEventListener('abort', cancel, { once: true });
    this.started.finally(() => { signal?.removeEventListener('abort', cancel); }).catch(() => undefined);
    this.#container.create().then((id) => { if (!this.#container.ending) this.#connect(id); }).catch((error: unknown) => { this.#gone(asSandboxError(error)); });
  }

  get state(): SessionState { return this.#states.current; }
  get settings(): SandboxSettings { return this.options.settings; }
  get place(): { seq: number; boot: string } {
    const { after, boot } = this.#follower.place;
    return { seq: after, boot };
  }
  get clock(): { t: number; at: number } { return this.#clock; }
  get cells(): readonly AttachedCell[] { return this.#adopted; }
  get installed(): readonly string[] { return this.#installs.done; }

  execute(code: string, options: ExecuteOptions = {}): CellExecution {
    const silent = options.silent ?? false;
    const message = command('execute_request', {
      code, silent, store_history: options.storeHistory ?? !silent, allow_stdin: options.allowStdin ?? true,
      stop_on_error: options.stopOnError ?? true, timeout: options.timeout ?? this.options.settings.timeout,
    }, { metadata: options.metadata ?? {} });
    const cell = this.#work.execute(message, options.metadata?.runId);
    void cell.reply.then(() => { this.#installs.ended(cell.msgId); });
    queueMicrotask(() => { this.#conditions.update(this.state, this.#work.oldest); }); // who asks knows the cell by then
    return cell;
  }

  interrupt(msgId: string, options?: { run: boolean }): Promise<void> {
    this.#installs.ended(msgId);
    return this.#work.interrupt(msgId, options);
  }

  interruptCallback(): Promise<void> { return this.#work.interruptCallback(); }

  async install(requirements: readonly string[], options?: InstallOptions): Promise<void> {
    await this.started;
    await this.#installs.install(requirements, options);
  }

  reset({ files, historySize = this.options.settings.historySize }: { files: 'keep' | 'clear'; historySize?: number }): Promise<void> {
    return this.#work.reset({ files, history_size: historySize });
  }

  async setMemory(bytes: number): Promise<boolean> {
    if (this.state.kind !== 'ready' || !this.engine.info.capabilities.update) return false;
    try {
      await this.engine.setMemory(await this.#container.create(), bytes);
    } catch (error) {
      this.#log.info(`sandbox ${this.id}: the memory limit stays, ${asSandboxError(error).message}`);
      return false;
    }
    this.#memory = bytes;
    return true;
  }

  async answer(request: string, value: string, metadata?: AnswerMetadata): Promise<void> {
    await this.#work.request('input_reply', { request, value }, { operation: 'answer', deadline: this.#timing.answer, metadata });
  }

  async complete(code: string, cursorPos: number, signal?: AbortSignal): Promise<Completion | null> {
    const reply = await this.#ask('complete_request', { code, cursor_pos: cursorPos }, signal);
    return reply?.msg_type === 'complete_reply' && reply.content.status === 'ok' ? completionOf(reply.content) : null;
  }

  async inspect(code: string, cursorPos: number, signal?: AbortSignal): Promise<MimeBundle | null> {
    const reply = await this.#ask('inspect_request', { code, cursor_pos: cursorPos, detail_level: 0 }, signal);
    return reply?.msg_type === 'inspect_reply' && reply.content.status === 'ok' && reply.content.found ? reply.content.data : null;
  }

  sendComm(message: CommMessage, signal?: AbortSignal): Promise<string> { return this.#comms.send(message, signal); }

  async putFiles(files: readonly SandboxFile[], signal?: AbortSignal): Promise<Map<number, string>> {
    return this.engine.putFiles(await this.#container.create(), files, signal);
  }

  onEvent(listener: (event: SandboxEvent) => void): { dispose(): void } { return this.#events.add(listener); }

  onState(listener: (state: SessionState) => void): { dispose(): void } { return this.#states.listeners.add(listener); }

  async dispose({ keepLibraries = false }: { keepLibraries?: boolean } = {}): Promise<void> {
    const all = async () => {
      await (this.#disposal ??= this.#dispose());
      if (!keepLibraries) await (this.#libraryRemoval ??= this.#container.removeLibraries());
    };
    await within(all(), this.#timing.dispose, undefined);
  }

  async detach(): Promise<void> {
    if (this.#states.isOver) return;
    this.#states.disposed();
    this.#settleAll(aborted('detached'), new SandboxError('Cancelled'));
    await this.#leave();
    this.#events.clear();
    this.#states.listeners.clear();
  }

  // ------------------------------------------------------------------------------------------------------------ start

  /** What an editor asks while one types: no answer is as good as a late one. */
  async #ask<T extends 'complete_request' | 'inspect_request'>(type: T, content: CommandContents[T], signal: AbortSignal | undefined): Promise<SandboxEvent | null> {
    if (this.state.kind !== 'ready') return null;
    try {
      return await this.#work.request(type, content, { operation: 'complete', deadline: this.#timing.complete, unlogged: true, signal });
    } catch (error) {
      this.#log.trace(`${type}: ${asSandboxError(error).message}`);
      return null;
    }
  }

  #connect(containerId: string): void {
    this.#startDeadline = setTimeout(() => { this.#notStarted(containerId, this.#states.trouble); }, this.#timing.start);
    this.#connection = new Connection(this.engine, containerId, {
      follow: () => command('follow_request', { ...this.#follower.place, writer: true, host: this.host, take_over: this.#taking }),
      hello: (content, t) => { this.#hello(content, t); },
      decoded: (decoded) => {
        const { after } = this.#follower.place;
        this.#follower.receive(decoded);
        if (!this.#replaying) return;
        if (this.#follower.caughtUp) this.#attached();
        else if (this.#follower.place.after !== after) this.#replaying.refresh(); // a pong shows no progress
      },
      tooLong: (bytes) => { this.#follower.tooLong(bytes); },
      cut: () => { this.#cut(); },
      trouble: (failure) => { this.#states.troubled(failure); },
      heard: () => { if (this.state.kind === 'unreachable' && !this.#replaying) this.#states.ready(); },
      gone: (failure) => {
        if (this.state.kind === 'starting') this.#notStarted(containerId, failure);
        else this.#gone(failure);
      },
    }, this.#log, this.#timing);
    this.#connection.await(this.#work.isAwaited); // cells may have been sent before
    this.#connection.open();
  }

  /** The container's own last words say best why nothing came. */
  #notStarted(containerId: string, cause: SandboxError): void {
    this.#connection?.close();
    if (this.#isFound) {
      this.#gone(cause);
      return;
    }
    this.engine.logs(containerId).catch((error: unknown) => asSandboxError(error).message).then((logs) => {
      this.#gone(new SandboxError('StartFailed', { reason: logs.trim().slice(-2_000) || String(cause.params['reason'] ?? cause.code) }, { cause }));
    }, (error: unknown) => { this.#gone(asSandboxError(error)); });
  }

  // ------------------------------------------------------------------------------------------------------- the stream

  get #isFound(): boolean { return this.options.sandbox !== undefined; }

  #hello(content: EventContents['hello'], t: number): void {
    this.#clock = { t, at: Date.now() };
    if (content.protocol !== PROTOCOL_VERSION) {
      this.#gone(new SandboxError('ProtocolViolation', { reason: 'protocol', expected: PROTOCOL_VERSION, found: content.protocol }));
    } else if (!this.#follower.hello(content) || (this.#isFound && !['', content.boot].includes(this.options.boot ?? ''))) {
      this.#gone(new SandboxError('SandboxGone', { reason: 'restarted' }));
    } else {
      this.#taking = false;
      if (this.#isFound && this.state.kind === 'starting' && this.#past === 0) this.#adopt(content);
      this.#replaying = setTimeout(() => {
        this.#work.missed();
        this.#attached();
      }, this.#timing.replay);
      if (this.#follower.caughtUp) this.#attached();
    }
  }

  /** The first hello of a sandbox that another host has used. */
  #adopt({ last, kernels }: EventContents['hello']): void {
    this.#past = last;
    const { request = '', cells = [], msg_id: running = '' } = kernels[MAIN_KERNEL] ?? {};
    this.#openRequest = request;
    this.#adopted = cells.map(({ msg_id: msgId, metadata }) => {
      const { runId } = metadata;
      const { reply } = this.#work.adopt(msgId, typeof runId === 'string' ? runId : undefined);
      return { msgId, reply, metadata, request: msgId === running ? request : '' };
    });
  }

  #attached(): void {
    this.#stopReplaying();
    clearTimeout(this.#startDeadline);
    this.#states.ready();
    this.#settleStart.resolve();
    this.#work.attached();
  }

  #cut(): void {
    this.#stopReplaying();
    this.#work.cut();
  }

  #lifeEvent(event: LifeEvent): void {
    this.#log.info(`sandbox ${this.id}: ${event.action}`);
    switch (event.action) {
      case 'oom':
        this.#outOfMemory = true;
        setTimeout(() => { this.#outOfMemory = false; }, 5_000).unref();
        return;
      case 'die': {
        const failure = this.#outOfMemory && event.exitCode === 137
          ? new SandboxError('OutOfMemory', { limit: this.#memory }, { setting: 'maxMemory' })
          : exited(event.exitCode);
        this.#connection?.died(failure).catch((error: unknown) => { this.#gone(asSandboxError(error)); });
        return;
      }
      case 'pause':
        this.#connection?.pause(true);
        this.#states.troubled(new SandboxError('SandboxPaused'));
        return;
      case 'unpause':
        this.#connection?.pause(false);
        if (this.state.kind === 'unreachable' && this.#connection?.attached) this.#states.ready();
    }
  }

  // ----------------------------------------------------------------------------------------------------------- events

  #logged(event: SandboxEvent): void {
    if (!this.#work.admits(event)) return;
    if (this.state.kind !== 'disposed') this.#events.emit(event);
    if (event.msg_type === 'install_request' && (event.seq > this.#past || event.content.request === this.#openRequest)) this.#installs.requested(event);
    // the log was trimmed while no stream brought it: what ran then lacks output
    if (event.msg_type === 'gap') this.#missing(this.#work.oldest, { code: 'OutputLost', params: { bytes: event.content.bytes, limit: this.settings.logBudget } });
    this.#work.settle(event);
  }

  /** Output is missing from a cell: its reader must know. Said once a cell, whatever the sandbox sends. */
  #missing(msgId: string, notice: Failure): void {
    if (this.#work.complain(msgId)) this.#notice(msgId, notice);
  }

  /** A notice of our own, as if it stood in the log. */
  #notice(msgId: string, notice: Failure): void {
    this.#events.emit({
      seq: this.#follower.place.after, kernel: MAIN_KERNEL, gen: 0, t: 0, channel: 'iopub', msg_type: 'notice', parent_header: { msg_id: msgId },
      content: notice, metadata: {}, buffers: [],
    });
  }

  #stopReplaying(): void {
    clearTimeout(this.#replaying);
    this.#replaying = undefined;
  }

  // -------------------------------------------------------------------------------------------------------------- end

  /** Ends everything that is open with this failure; nothing of the container is of use any more, or it is not ours. */
  #gone(failure: SandboxError): void {
    const notOurs = failure.code === 'InUse' || (this.#isFound && this.state.kind === 'starting');
    if (!this.#states.gone(failure)) return;
    this.#settleAll(replyOf(failure), failure);
    void (notOurs ? this.#leave() : this.#close());
  }

  async #dispose(): Promise<void> {
    this.#states.disposed();
    this.#settleAll(aborted('shutdown'), new SandboxError('Cancelled'));
    if (this.#connection?.send(encodeCommand(command('shutdown_request', {})))) await this.#connection.drained(this.#timing.shutdown);
    await this.#close();
    this.#events.clear();
    this.#states.listeners.clear();
  }

  #settleAll(reply: ExecuteReply, failure: SandboxError): void {
    clearTimeout(this.#startDeadline);
    this.#stopReplaying();
    this.#work.end(reply, failure);
    this.#settleStart.reject(failure);
  }

  /** Never rejects. */
  async #close(): Promise<void> {
    await Promise.all([this.#leave(), this.#container.remove()]);
  }

  /** The container stays. Never rejects. */
  async #leave(): Promise<void> {
    this.#connection?.close();
    this.#life.dispose();
    await this.#installs.close();
  }
}
