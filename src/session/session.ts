import { randomUUID } from 'node:crypto';
import type { Engine, LifeEvent } from '../engine/engine';
import { silentLog, type Log } from '../log';
import { command, encodeCommand, MAX_COMMAND_BYTES } from '../protocol/encode';
import { SandboxError } from '../protocol/errors';
import { MAIN_KERNEL, MAX_MESSAGE_BYTES, PROTOCOL_VERSION, type Command, type CommandContents, type CommandType, type EventContents, type SandboxEvent } from '../protocol/messages';
import { Cells } from './cells';
import { Connection } from './connection';
import { aborted, asSandboxError, replyOf } from './failures';
import { Follower } from './follower';
import { Listeners } from './listeners';
import { Outbox } from './outbox';
import { Requests, type RequestOptions } from './requests';
import type { SandboxSettings } from './settings';
import { sleep, TIMING, type Timing } from './time';
import type { CellExecution, ExecuteOptions, SandboxSession, SessionState } from './types';
import { freeUid } from './uid';

export interface SessionOptions {
  /** The derived image, as `engine.ensureImage` named it. */
  image: string;
  /** Random id of this installation. */
  owner: string;
  /** Where the notebook was first, for people. */
  notebookHint: string;
  settings: SandboxSettings;
  /** Seconds that the sandbox lives without a host. */
  lease: number;
  log?: Log;
  timing?: Timing;
}

/** A life of a sandbox: its container, the stream to it, the cells that run in it. See README "The way of a cell". */
export class InteractiveSandboxSession implements SandboxSession {
  readonly id = randomUUID();
  readonly lang = 'python';
  readonly kernelType = 'ipython';
  /** Settles with the first `ready`; rejects with why that never came. Nobody has to wait for it: cells may be sent before. */
  readonly started: Promise<void>;

  #state: SessionState = { kind: 'starting' };
  readonly #host = randomUUID();
  readonly #events: Listeners<SandboxEvent>;
  readonly #states: Listeners<SessionState>;
  readonly #cells = new Cells();
  readonly #requests = new Requests();
  readonly #outbox = new Outbox((line) => { this.#connection?.send(line); });
  readonly #follower: Follower;
  readonly #ending = new AbortController();
  readonly #life: { dispose(): void };
  readonly #log: Log;
  readonly #timing: Timing;
  #connection: Connection | undefined;
  #containerId: Promise<string | null> = Promise.resolve(null);
  #settleStart!: { resolve: () => void; reject: (failure: SandboxError) => void };
  #startDeadline: NodeJS.Timeout | undefined;
  #trouble = new SandboxError('StartFailed');
  #unreachable: NodeJS.Timeout | undefined;
  /** Set while a hello's promise of a replay is not fulfilled yet. */
  #replaying: NodeJS.Timeout | undefined;
  #gapSeen = false;
  #outOfMemory = false;
  #removal: Promise<void> | undefined;
  #disposal: Promise<void> | undefined;

  /** Begins to create a sandbox; an aborted `signal` before its first hello ends it as `Cancelled`. */
  static start(engine: Engine, options: SessionOptions, signal?: AbortSignal): InteractiveSandboxSession {
    return new InteractiveSandboxSession(engine, options, signal);
  }

  private constructor(private readonly engine: Engine, private readonly options: SessionOptions, signal?: AbortSignal) {
    this.#log = options.log ?? silentLog;
    this.#timing = options.timing ?? TIMING;
    this.#events = new Listeners(this.#log);
    this.#states = new Listeners(this.#log);
    this.#follower = new Follower({
      logged: (event) => { this.#logged(event); },
      unlogged: (event) => { this.#unlogged(event); },
      unreadable: (msgId, reason) => { this.#unreadable(msgId, reason); },
    }, this.#log, Math.min(MAX_MESSAGE_BYTES, 16 * 1024 * 1024 + 8 * options.settings.maxOutput));
    this.started = new Promise((resolve, reject) => { this.#settleStart = { resolve, reject }; });
    this.started.catch(() => undefined); // the state tells it too
    this.#life = engine.onLifeEvent((event) => { if (event.sandboxId === this.id) this.#lifeEvent(event); });
    const cancel = () => { if (this.#state.kind === 'starting') this.#gone(new SandboxError('Cancelled')); };
    if (signal?.aborted) queueMicrotask(cancel);
    signal?.addEventListener('abort', cancel, { once: true });
    this.started.finally(() => { signal?.removeEventListener('abort', cancel); }).catch(() => undefined);
    this.#containerId = this.#create();
  }

  get state(): SessionState { return this.#state; }
  get settings(): SandboxSettings { return this.options.settings; }

  execute(code: string, options: ExecuteOptions = {}): CellExecution {
    const silent = options.silent ?? false;
    const message = command('execute_request', {
      code, silent, store_history: options.storeHistory ?? !silent, allow_stdin: options.allowStdin ?? true,
      stop_on_error: options.stopOnError ?? true, timeout: options.timeout ?? this.options.settings.timeout,
    }, { metadata: options.metadata ?? {} });
    const { msg_id: msgId } = message.header;
    const line = encodeCommand(message);
    const cell = this.#cells.open(msgId, line, options.metadata?.runId);
    if (this.#state.kind === 'gone') this.#cells.settle(msgId, replyOf(this.#state.failure));
    else if (this.#state.kind === 'disposed') this.#cells.settle(msgId, aborted('shutdown'));
    else if (Buffer.byteLength(line) > MAX_COMMAND_BYTES) this.#cells.settle(msgId, replyOf({ code: 'ProtocolViolation', params: { reason: 'the cell is too long', limit: MAX_COMMAND_BYTES } }));
    else this.#outbox.add(msgId, line);
    this.#watch();
    return cell;
  }

  async interrupt(msgId: string): Promise<void> {
    if (!this.#cells.isOpen(msgId)) return;
    const wasUnsent = this.#outbox.isUnsent(msgId);
    this.#abortUnsent(this.#cells.run(msgId), 'interrupt');
    if (!wasUnsent) await this.#request('interrupt_request', { msg_id: msgId }, { operation: 'interrupt', deadline: this.#timing.interrupt });
  }

  async reset({ files, historySize = this.options.settings.historySize }: { files: 'keep' | 'clear'; historySize?: number }): Promise<void> {
    const before = this.#cells.ids();
    this.#abortUnsent(before, 'reset');
    const reply = await this.#request('reset_request', { files, history_size: historySize }, { operation: 'reset', deadline: this.#timing.reset });
    for (const msgId of before) this.#cells.settle(msgId, aborted('reset')); // those whose reply was lost
    this.#watch();
    if (reply.msg_type === 'reset_reply' && reply.content.status !== 'ok') throw new SandboxError('KernelDied', { signal: '', exitcode: -1 });
  }

  async answer(request: string, value: string): Promise<void> {
    await this.#request('input_reply', { request, value }, { operation: 'answer', deadline: this.#timing.answer });
  }

  async complete(code: string, cursorPos: number, signal?: AbortSignal): Promise<{ matches: string[]; start: number; end: number } | null> {
    if (this.#state.kind !== 'ready') return null;
    const options: RequestOptions = { operation: 'complete', deadline: this.#timing.complete, unlogged: true, signal };
    const reply = await this.#request('complete_request', { code, cursor_pos: cursorPos }, options).catch((error: unknown) => {
      this.#log.trace(`complete: ${asSandboxError(error).message}`);
      return null;
    });
    if (reply?.msg_type !== 'complete_reply' || reply.content.status !== 'ok') return null;
    return { matches: reply.content.matches, start: reply.content.cursor_start, end: reply.content.cursor_end };
  }

  onEvent(listener: (event: SandboxEvent) => void): { dispose(): void } { return this.#events.add(listener); }

  onState(listener: (state: SessionState) => void): { dispose(): void } { return this.#states.add(listener); }

  dispose(): Promise<void> { return this.#disposal ??= this.#dispose(); }

  // ------------------------------------------------------------------------------------------------------------ start

  async #create(): Promise<string | null> {
    const { image, owner, notebookHint, settings, lease } = this.options;
    try {
      const containerId = await this.engine.create({
        sandboxId: this.id, owner, notebookHint, image, lease, uid: freeUid(await this.engine.usedUids()),
        memory: settings.maxMemory, cpus: settings.cpus, pids: settings.pids, logBudget: settings.logBudget, maxOutput: settings.maxOutput,
        historySize: settings.historySize, pollInterval: settings.pollInterval,
      }, this.#ending.signal);
      if (!this.#ending.signal.aborted) this.#connect(containerId);
      return containerId;
    } catch (error) {
      this.#gone(asSandboxError(error));
      return null;
    }
  }

  #connect(containerId: string): void {
    this.#startDeadline = setTimeout(() => { this.#notStarted(containerId, this.#trouble); }, this.#timing.start);
    this.#connection = new Connection(this.engine, containerId, {
      follow: () => command('follow_request', { ...this.#follower.place, writer: true, host: this.#host }),
      hello: (content) => { this.#hello(content); },
      decoded: (decoded) => {
        this.#follower.receive(decoded);
        if (this.#replaying) { if (this.#follower.caughtUp) this.#attached(); else this.#replaying.refresh(); }
      },
      tooLong: (bytes) => { this.#follower.tooLong(bytes); },
      cut: () => { this.#cut(); },
      trouble: (failure) => { this.#troubled(failure); },
      gone: (failure) => {
        if (this.#state.kind === 'starting') this.#notStarted(containerId, failure);
        else this.#gone(failure);
      },
    }, this.#log, this.#timing);
    this.#connection.open();
  }

  /** The container's own last words say best why nothing came. */
  #notStarted(containerId: string, cause: SandboxError): void {
    this.#connection?.close();
    this.engine.logs(containerId).catch((error: unknown) => asSandboxError(error).message).then((logs) => {
      this.#gone(new SandboxError('StartFailed', { reason: logs.trim().slice(-2_000) || String(cause.params['reason'] ?? cause.code) }, { cause }));
    }, (error: unknown) => { this.#gone(asSandboxError(error)); });
  }

  // ------------------------------------------------------------------------------------------------------- the stream

  #hello(content: EventContents['hello']): void {
    if (content.protocol !== PROTOCOL_VERSION) {
      this.#gone(new SandboxError('ProtocolViolation', { reason: 'protocol', expected: PROTOCOL_VERSION, found: content.protocol }));
    } else if (!this.#follower.hello(content)) {
      this.#gone(new SandboxError('SandboxGone', { reason: 'restarted' }));
    } else {
      this.#replaying = setTimeout(() => { this.#attached(); }, this.#timing.replay);
      if (this.#follower.caughtUp) this.#attached();
    }
  }

  #attached(): void {
    this.#stopReplaying();
    clearTimeout(this.#startDeadline);
    clearTimeout(this.#unreachable);
    this.#unreachable = undefined;
    this.#become({ kind: 'ready' });
    this.#settleStart.resolve();
    this.#outbox.attached();
    if (this.#gapSeen) this.#askAgain();
    this.#gapSeen = false;
  }

  /** Replies may have been in a gap: the supervisor says again what it knows of an id. */
  #askAgain(): void {
    for (const msgId of this.#cells.ids()) {
      const line = this.#cells.line(msgId);
      if (line !== undefined && !this.#outbox.has(msgId)) this.#connection?.send(line);
    }
  }

  #cut(): void {
    this.#stopReplaying();
    this.#outbox.cut();
    this.#requests.failUnlogged(new SandboxError('SandboxSilent', { operation: 'complete', seconds: 0 }));
  }

  #troubled(failure: SandboxError): void {
    this.#trouble = failure;
    if (this.#state.kind === 'unreachable' || (this.#state.kind === 'ready' && failure.code === 'SandboxPaused')) this.#become({ kind: 'unreachable', failure });
    else if (this.#state.kind === 'ready') {
      this.#unreachable ??= setTimeout(() => { this.#become({ kind: 'unreachable', failure: this.#trouble }); }, this.#timing.unreachable);
    }
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
          ? new SandboxError('OutOfMemory', { limit: this.options.settings.maxMemory }, { setting: 'maxMemory' })
          : new SandboxError('SandboxGone', { reason: 'exited', exitCode: event.exitCode ?? -1 });
        this.#connection?.died(failure).catch((error: unknown) => { this.#gone(asSandboxError(error)); });
        return;
      }
      case 'pause':
        this.#connection?.pause(true);
        this.#troubled(new SandboxError('SandboxPaused'));
        return;
      case 'unpause':
        this.#connection?.pause(false);
        if (this.#state.kind === 'unreachable' && this.#connection?.attached) this.#become({ kind: 'ready' });
    }
  }

  // ----------------------------------------------------------------------------------------------------------- events

  #logged(event: SandboxEvent): void {
    const msgId = event.parent_header.msg_id;
    if (event.msg_type === 'gap') this.#gapSeen = true;
    if (!this.#cells.admits(event)) {
      this.#log.debug(`an event of kernel ${event.gen} came too late: ${event.msg_type}`);
      return;
    }
    if (msgId !== '') this.#outbox.accepted(msgId); // whatever speaks of a command shows that it was accepted
    if (this.#state.kind !== 'disposed') this.#events.emit(event);
    this.#settle(event);
  }

  #unlogged(event: SandboxEvent): void {
    const msgId = event.parent_header.msg_id;
    if (event.msg_type === 'refused') {
      const failure = new SandboxError('ProtocolViolation', { reason: String(event.content.params['reason'] ?? event.content.code) });
      this.#log.warn(`the sandbox refused a command: ${failure.message}`);
      this.#outbox.withdraw(msgId);
      this.#cells.settle(msgId, replyOf(failure));
      this.#requests.fail(msgId, failure);
      this.#watch();
      return;
    }
    if (event.msg_type === 'accepted') this.#outbox.accepted(msgId);
    this.#settle(event);
  }

  #settle(event: SandboxEvent): void {
    const msgId = event.parent_header.msg_id;
    switch (event.msg_type) {
      case 'execute_reply':
        this.#cells.settle(msgId, event.content);
        this.#watch();
        return;
      case 'status':
        if (event.content.execution_state === 'idle' && this.#cells.isOpen(msgId)) this.#expectReply(msgId);
        return;
      case 'accepted':
        if (event.content.msg_type === 'input_reply') this.#requests.answer(event);
        return;
      case 'interrupt_reply': case 'reset_reply': case 'complete_reply': case 'inspect_reply':
        this.#requests.answer(event);
        return;
      default:
    }
  }

  /** The kernel is done with a cell: if its reply was unreadable, it will not come. */
  #expectReply(msgId: string): void {
    setTimeout(() => {
      this.#cells.settle(msgId, replyOf({ code: 'ProtocolViolation', params: { reason: 'the reply was lost' } }));
      this.#watch();
    }, this.#timing.lostReply).unref();
  }

  /** Output is missing from a cell: its reader must know. Said once a cell, whatever the sandbox sends. */
  #unreadable(msgId: string, reason: string): void {
    if (!this.#cells.complain(msgId)) return;
    this.#events.emit({
      seq: this.#follower.place.after, kernel: MAIN_KERNEL, gen: 0, t: 0, channel: 'iopub', msg_type: 'notice', parent_header: { msg_id: msgId },
      content: { code: 'ProtocolViolation', params: { reason } }, metadata: {}, buffers: [],
    });
  }

  // ---------------------------------------------------------------------------------------------------------- helpers

  async #request<T extends CommandType>(type: T, content: CommandContents[T], options: RequestOptions): Promise<SandboxEvent> {
    if (this.#state.kind === 'gone') throw this.#state.failure;
    if (this.#state.kind === 'disposed') throw new SandboxError('Cancelled');
    const message: Command = command(type, content);
    const { msg_id: msgId } = message.header;
    const answer = this.#requests.open(msgId, options);
    if (options.unlogged) this.#connection?.send(encodeCommand(message));
    else this.#outbox.add(msgId, encodeCommand(message));
    this.#watch();
    try {
      return await answer;
    } finally {
      this.#outbox.withdraw(msgId);
      this.#watch();
    }
  }

  #abortUnsent(msgIds: string[], reason: 'interrupt' | 'reset'): void {
    for (const msgId of msgIds) {
      if (!this.#outbox.isUnsent(msgId)) continue;
      this.#outbox.withdraw(msgId);
      this.#cells.settle(msgId, aborted(reason));
    }
  }

  #watch(): void { this.#connection?.await(this.#cells.size > 0 || this.#requests.size > 0); }

  #stopReplaying(): void {
    clearTimeout(this.#replaying);
    this.#replaying = undefined;
  }

  #become(state: SessionState): void {
    if (this.#state.kind === 'disposed' || (this.#state.kind === 'gone' && state.kind !== 'disposed')) return;
    if (state.kind === 'ready' && this.#state.kind === 'ready') return;
    this.#state = state;
    this.#log.info(`sandbox ${this.id}: ${state.kind}${'failure' in state ? ` (${state.failure.message})` : ''}`);
    this.#states.emit(state);
  }

  // -------------------------------------------------------------------------------------------------------------- end

  /** Ends everything that is open with this failure; nothing of the container is of use any more. */
  #gone(failure: SandboxError): void {
    if (this.#state.kind === 'gone' || this.#state.kind === 'disposed') return;
    this.#become({ kind: 'gone', failure });
    this.#settleAll(replyOf(failure), failure);
    this.#remove().catch((error: unknown) => { this.#log.error(`remove: ${asSandboxError(error).message}`); });
  }

  async #dispose(): Promise<void> {
    this.#become({ kind: 'disposed' });
    this.#settleAll(aborted('shutdown'), new SandboxError('Cancelled'));
    if (this.#connection?.send(encodeCommand(command('shutdown_request', {})))) await this.#connection.drained(this.#timing.shutdown);
    await this.#remove();
    this.#events.clear();
    this.#states.clear();
  }

  #settleAll(reply: ReturnType<typeof replyOf>, failure: SandboxError): void {
    clearTimeout(this.#startDeadline);
    clearTimeout(this.#unreachable);
    this.#stopReplaying();
    this.#outbox.clear();
    this.#cells.settleAll(reply);
    this.#requests.failAll(failure);
    this.#settleStart.reject(failure);
  }

  /** Once, however often it is asked for; tries again, as a container left behind costs memory. Never rejects. */
  #remove(): Promise<void> {
    return this.#removal ??= (async () => {
      this.#ending.abort();
      this.#connection?.close();
      this.#life.dispose();
      const containerId = await this.#containerId;
      if (containerId === null) return;
      for (const pause of [1_000, 4_000, 0]) {
        try {
          await this.engine.remove(containerId);
          return;
        } catch (error) {
          this.#log.error(`sandbox ${this.id} not removed: ${asSandboxError(error).message}`);
          await sleep(pause);
        }
      }
    })();
  }
}
