import { randomUUID } from 'node:crypto';
import type { Engine, LifeEvent } from '../engine/engine';
import { silentLog, type Log } from '../log';
import { command, encodeCommand } from '../protocol/encode';
import { SandboxError } from '../protocol/errors';
import {
  MAIN_KERNEL, MAX_MESSAGE_BYTES, PROTOCOL_VERSION, type EventContents, type Failure, type ExecuteReply, type SandboxEvent,
} from '../protocol/messages';
import { Connection } from './connection';
import { SandboxContainer } from './container';
import { aborted, asSandboxError, replyOf } from './failures';
import { Follower } from './follower';
import { Listeners } from './listeners';
import type { SandboxSettings } from './settings';
import { States } from './states';
import { TIMING, type Timing } from './time';
import type { CellExecution, ExecuteOptions, SandboxSession, SessionState } from './types';
import { Work } from './work';

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

/** A life of a sandbox: its container, the stream to it, the cells that run in it. See README "Architecture". */
export class InteractiveSandboxSession implements SandboxSession {
  readonly id = randomUUID();
  readonly lang = 'python';
  readonly kernelType = 'ipython';
  /** Settles with the first `ready`; rejects with why that never came. Nobody has to wait for it: cells may be sent before. */
  readonly started: Promise<void>;

  readonly #host = randomUUID();
  readonly #events: Listeners<SandboxEvent>;
  readonly #states: States;
  readonly #container: SandboxContainer;
  readonly #work: Work;
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
  #disposal: Promise<void> | undefined;

  /** Begins to create a sandbox; an aborted `signal` before its first hello ends it as `Cancelled`. */
  static start(engine: Engine, options: SessionOptions, signal?: AbortSignal): InteractiveSandboxSession {
    return new InteractiveSandboxSession(engine, options, signal);
  }

  private constructor(private readonly engine: Engine, private readonly options: SessionOptions, signal?: AbortSignal) {
    this.#log = options.log ?? silentLog;
    this.#timing = options.timing ?? TIMING;
    this.#events = new Listeners(this.#log);
    this.#states = new States(this.id, this.#timing.unreachable, this.#log);
    this.#work = new Work({
      send: (line) => this.#connection?.send(line) ?? false,
      changed: () => { this.#connection?.await(this.#work.isAwaited); },
    }, this.#timing, this.#log);
    const { image, owner, notebookHint, settings, lease } = options;
    this.#container = new SandboxContainer(engine, {
      sandboxId: this.id, owner, notebookHint, image, lease, memory: settings.maxMemory, cpus: settings.cpus, pids: settings.pids,
      logBudget: settings.logBudget, maxOutput: settings.maxOutput, historySize: settings.historySize, pollInterval: settings.pollInterval,
    }, this.#log);
    this.#follower = new Follower({
      logged: (event) => { this.#logged(event); },
      unlogged: (event) => { this.#work.settle(event); },
      unreadable: (msgId, reason) => { this.#missing(msgId, { code: 'ProtocolViolation', params: { reason } }); },
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

  execute(code: string, options: ExecuteOptions = {}): CellExecution {
    const silent = options.silent ?? false;
    const message = command('execute_request', {
      code, silent, store_history: options.storeHistory ?? !silent, allow_stdin: options.allowStdin ?? true,
      stop_on_error: options.stopOnError ?? true, timeout: options.timeout ?? this.options.settings.timeout,
    }, { metadata: options.metadata ?? {} });
    return this.#work.execute(message);
  }

  interrupt(msgId: string): Promise<void> { return this.#work.interrupt(msgId); }

  reset({ files, historySize = this.options.settings.historySize }: { files: 'keep' | 'clear'; historySize?: number }): Promise<void> {
    return this.#work.reset({ files, history_size: historySize });
  }

  async answer(request: string, value: string): Promise<void> {
    await this.#work.request('input_reply', { request, value }, { operation: 'answer', deadline: this.#timing.answer });
  }

  async complete(code: string, cursorPos: number, signal?: AbortSignal): Promise<{ matches: string[]; start: number; end: number } | null> {
    if (this.state.kind !== 'ready') return null;
    const asked = this.#work.request('complete_request', { code, cursor_pos: cursorPos }, { operation: 'complete', deadline: this.#timing.complete, unlogged: true, signal });
    const reply = await asked.catch((error: unknown) => {
      this.#log.trace(`complete: ${asSandboxError(error).message}`);
      return null;
    });
    if (reply?.msg_type !== 'complete_reply' || reply.content.status !== 'ok') return null;
    return { matches: reply.content.matches, start: reply.content.cursor_start, end: reply.content.cursor_end };
  }

  onEvent(listener: (event: SandboxEvent) => void): { dispose(): void } { return this.#events.add(listener); }

  onState(listener: (state: SessionState) => void): { dispose(): void } { return this.#states.listeners.add(listener); }

  dispose(): Promise<void> { return this.#disposal ??= this.#dispose(); }

  // ------------------------------------------------------------------------------------------------------------ start

  #connect(containerId: string): void {
    this.#startDeadline = setTimeout(() => { this.#notStarted(containerId, this.#states.trouble); }, this.#timing.start);
    this.#connection = new Connection(this.engine, containerId, {
      follow: () => command('follow_request', { ...this.#follower.place, writer: true, host: this.#host }),
      hello: (content) => { this.#hello(content); },
      decoded: (decoded) => {
        this.#follower.receive(decoded);
        if (this.#replaying) { if (this.#follower.caughtUp) this.#attached(); else this.#replaying.refresh(); }
      },
      tooLong: (bytes) => { this.#follower.tooLong(bytes); },
      cut: () => { this.#cut(); },
      trouble: (failure) => { this.#states.troubled(failure); },
      gone: (failure) => {
        if (this.state.kind === 'starting') this.#notStarted(containerId, failure);
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
          ? new SandboxError('OutOfMemory', { limit: this.options.settings.maxMemory }, { setting: 'maxMemory' })
          : new SandboxError('SandboxGone', { reason: 'exited', exitCode: event.exitCode ?? -1 });
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
    // the log was trimmed while no stream brought it: what ran then lacks output
    if (event.msg_type === 'gap') this.#missing(this.#work.oldest, { code: 'OutputLost', params: { bytes: event.content.bytes, limit: this.settings.logBudget } });
    this.#work.settle(event);
  }

  /** Output is missing from a cell: its reader must know. Said once a cell, whatever the sandbox sends. */
  #missing(msgId: string, notice: Failure): void {
    if (!this.#work.complain(msgId)) return;
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

  /** Ends everything that is open with this failure; nothing of the container is of use any more. */
  #gone(failure: SandboxError): void {
    if (!this.#states.gone(failure)) return;
    this.#settleAll(replyOf(failure), failure);
    void this.#close();
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
  #close(): Promise<void> {
    this.#connection?.close();
    this.#life.dispose();
    return this.#container.remove();
  }
}
