import { randomUUID } from 'node:crypto';
import type { Engine, SandboxFile } from '../engine/engine';
import { engineName } from '../engine/identity';
import { silentLog, type Log } from '../log';
import { command, encodeCommand } from '../protocol/encode';
import { SandboxError } from '../protocol/errors';
import { MAX_MESSAGE_BYTES, type EventContents, type ExecuteReply, type SandboxEvent } from '../protocol/messages';
import { aborted, asSandboxError, replyOf } from './failures';
import type { AttachOptions, CommonOptions, SessionOptions } from './session-options';
import type { SandboxSettings } from './settings';
import { TIMING, within, type Timing } from './time';
import type { AttachedCell, CellExecution, OpenCell, SandboxSession, SessionState } from './types';
import { EventPublisher } from './events/event-publisher';
import { Installs, type InstallOptions } from './installs/installs';
import { newSandbox, SandboxContainer, type Sandbox } from './life/container';
import { LifeMonitor } from './life/life-monitor';
import { Start } from './life/start';
import { States } from './life/states';
import { Comms } from './requests/comms';
import { FirstKernel } from './requests/first-kernel';
import { SessionKernel, type KernelServices } from './requests/kernel';
import { PendingCommands } from './requests/pending-commands';
import { Queries } from './requests/queries';
import { Attachment } from './stream/attachment';
import { Connection } from './stream/connection';
import { Follower } from './stream/follower';

/** One session with a sandbox: its container, the stream to it and the cells that run in it. See `docs/architecture.md`. */
export class ContainerSession extends FirstKernel implements SandboxSession {
  readonly id: string;
  readonly host: string;
  readonly image: string;
  readonly libraries: string;
  readonly #states: States;
  readonly #container: SandboxContainer;
  readonly #commands: PendingCommands;
  readonly #publisher: EventPublisher;
  readonly #services: KernelServices;
  readonly #installs: Installs;
  readonly #follower: Follower;
  readonly #attachment: Attachment;
  readonly #lifeMonitor: LifeMonitor;
  readonly #log: Log;
  readonly #timing: Timing;
  #connection: Connection | undefined;
  readonly #start: Start;
  #clock = { t: 0, at: 0 };
  /** Memory limit in bytes: the setting's until {@link setMemory} changes it. */
  #memory: number;
  #disposal: Promise<void> | undefined;
  #libraryRemoval: Promise<void> | undefined;

  /** Starts to create a sandbox. If `signal` aborts before the first hello, the session ends as `Cancelled`. */
  static start(engine: Engine, options: SessionOptions, signal?: AbortSignal): ContainerSession {
    const { installed = [] } = options.previous ?? {};
    return new ContainerSession(engine, newSandbox(options), { ...options, installed }, signal);
  }

  /**
   * Attaches to a running sandbox as its host. Listeners that are added at once get the whole log, as far as it is kept. Then
   * {@link started} resolves and {@link cells} are those that were open. If {@link started} rejects, the sandbox stays as it is.
   */
  static attach(engine: Engine, options: AttachOptions, signal?: AbortSignal): ContainerSession {
    return new ContainerSession(engine, options.sandbox, options, signal);
  }

  private constructor(
    private readonly engineOfSandbox: Engine,
    sandbox: Sandbox,
    private readonly options: CommonOptions & Partial<AttachOptions>,
    signal?: AbortSignal,
  ) {
    super();
    this.id = sandbox.sandboxId;
    this.host = options.host ?? randomUUID();
    this.image = sandbox.image;
    this.libraries = sandbox.libraries;
    this.#log = options.log ?? silentLog;
    this.#timing = options.timing ?? TIMING;
    this.#states = new States(this.id, this.#timing.unreachable, this.#log);
    this.#states.listeners.add((state) => {
      this.#publisher.state(state);
    });
    this.#commands = new PendingCommands(
      {
        send: (line) => this.#connection?.send(line) ?? false,
        unsent: () => this.#connection?.unsent ?? 0,
        changed: () => {
          this.#connection?.await(this.#commands.isAwaited);
        },
        replyOutsideLog: (reply) => {
          this.#publisher.replyOutsideLog(reply);
        },
      },
      this.#timing,
      this.#log,
    );
    const { settings } = options;
    this.#publisher = new EventPublisher(settings.logBudget, this.#commands, () => this.place.seq, this.#log);
    this.#services = {
      commands: this.#commands,
      queries: new Queries(this.#commands, () => this.state.kind === 'ready', this.#timing),
      comms: new Comms(this.#commands, this.#timing, settings.timeout),
      settings,
      timing: this.#timing,
      log: this.#log,
      sent: (cell) => {
        this.#sent(cell);
      },
      interrupting: (msgId) => {
        this.#installs.ended(msgId);
      },
    };
    this.#memory = settings.maxMemory;
    this.#container = new SandboxContainer(engineOfSandbox, sandbox, this.#log);
    const {
      network = () => Promise.resolve({ proxies: {}, certificates: undefined }),
      explain = (failure) => failure.message,
    } = options;
    this.#installs = new Installs(
      engineOfSandbox,
      { containerId: () => this.#container.create(), libraries: this.libraries, network, explain },
      {
        isOpen: (msgId) => this.#commands.isOpen(msgId),
        send: async (kernel, type, content) => {
          const { install: deadline } = this.#timing;
          await this.#commands.request(type, content, { operation: 'answer', deadline, kernel });
        },
      },
      this.#log,
    );
    this.#installs.done.push(...(options.installed ?? []));
    this.#follower = new Follower(
      {
        logged: (event) => {
          this.#logged(event);
        },
        unlogged: (event) => {
          if (event.msg_type === 'comm_gap') {
            this.#publisher.listeners.emit(event);
          }
          this.#commands.settle(event);
        },
        hole: () => {
          this.#commands.missed();
        },
        unreadable: (msgId, reason) => {
          this.#publisher.unreadable(msgId, reason);
        },
      },
      this.#log,
      Math.min(MAX_MESSAGE_BYTES, 16 * 1024 * 1024 + 8 * settings.maxOutput),
    );
    const { takeOver = false, open = [] } = options;
    this.#attachment = new Attachment(
      { host: this.host, takeOver, open, boot: this.#isFound ? (options.boot ?? '') : undefined },
      this.#follower,
      this.#commands,
      this.#timing,
      (running) => {
        this.#attached(running);
      },
    );
    this.#start = new Start(engineOfSandbox, this.#timing, this.#log, signal, () => {
      if (this.state.kind === 'starting') {
        this.#gone(new SandboxError('Cancelled'));
      }
    });
    this.#lifeMonitor = new LifeMonitor(
      engineOfSandbox,
      this.id,
      () => this.#memory,
      {
        died: (failure) => {
          this.#connection?.died(failure).catch((error: unknown) => {
            this.#gone(asSandboxError(error));
          });
        },
        paused: () => {
          this.#connection?.pause(true);
          this.#states.troubled(new SandboxError('SandboxPaused'));
        },
        unpaused: () => {
          this.#connection?.pause(false);
          this.#unpaused();
        },
      },
      this.#log,
    );
    this.#container
      .create()
      .then((id) => {
        if (!this.#container.ending && !this.#states.isOver) {
          this.#connect(id);
        }
      })
      .catch((error: unknown) => {
        this.#gone(asSandboxError(error));
      });
  }

  /** Resolves at the first `ready`; rejects with the reason if that never comes. Cells may be sent before. */
  get started(): Promise<void> {
    return this.#start.started;
  }
  get state(): SessionState {
    return this.#states.current;
  }
  get engine(): string {
    return this.engineOfSandbox.info.id;
  }
  get engineName(): string {
    return engineName(this.engineOfSandbox.info);
  }
  get settings(): SandboxSettings {
    return this.options.settings;
  }
  get place(): { seq: number; boot: string } {
    const { after, boot } = this.#follower.place;
    return { seq: after, boot };
  }
  get clock(): { t: number; at: number } {
    return this.#clock;
  }
  get cells(): readonly AttachedCell[] {
    return this.#attachment.cells;
  }
  get open(): readonly OpenCell[] {
    return this.#commands.open;
  }
  get installed(): readonly string[] {
    return this.#installs.done;
  }

  kernel(id: string): SessionKernel {
    return new SessionKernel(id, this.#services);
  }
  async install(requirements: readonly string[], options?: InstallOptions): Promise<void> {
    await this.started;
    await this.#installs.install(requirements, options);
  }

  async setMemory(bytes: number): Promise<boolean> {
    if (this.state.kind !== 'ready' || !this.engineOfSandbox.info.capabilities.update) {
      return false;
    }
    try {
      await this.engineOfSandbox.setMemory(await this.#container.create(), bytes);
    } catch (error) {
      this.#log.info(`sandbox ${this.id}: the memory limit stays, ${asSandboxError(error).message}`);
      return false;
    }
    this.#memory = bytes;
    return true;
  }

  async putFiles(files: readonly SandboxFile[], signal?: AbortSignal): Promise<Map<number, string>> {
    return this.engineOfSandbox.putFiles(await this.#container.create(), files, signal);
  }

  onEvent(listener: (event: SandboxEvent) => void): { dispose(): void } {
    return this.#publisher.listeners.add(listener);
  }

  onState(listener: (state: SessionState) => void): { dispose(): void } {
    return this.#states.listeners.add(listener);
  }

  async dispose({ keepLibraries = false }: { keepLibraries?: boolean } = {}): Promise<void> {
    const all = async () => {
      await (this.#disposal ??= this.#dispose());
      if (!keepLibraries) {
        await (this.#libraryRemoval ??= this.#container.removeLibraries());
      }
    };
    await within(all(), this.#timing.dispose, undefined);
  }

  async detach(): Promise<void> {
    if (this.#states.isOver) {
      return;
    }
    this.#states.disposed();
    this.#settleAll(aborted('detached'), new SandboxError('Cancelled'));
    await this.#leave();
    this.#publisher.listeners.clear();
    this.#states.listeners.clear();
  }

  // ------------------------------------------------------------------------------------------------------------ start

  #connect(containerId: string): void {
    this.#start.expectAttachment(() => {
      void this.#notStarted(containerId, this.#states.trouble);
    });
    this.#connection = new Connection(
      this.engineOfSandbox,
      containerId,
      {
        follow: () => this.#attachment.request(),
        hello: (content, t) => {
          this.#hello(content, t);
        },
        decoded: (decoded) => {
          const { after } = this.#follower.place;
          this.#follower.receive(decoded);
          this.#attachment.progressed(after);
        },
        tooLong: (bytes) => {
          this.#follower.tooLong(bytes);
        },
        cut: () => {
          this.#cut();
        },
        trouble: (failure) => {
          this.#states.troubled(failure);
        },
        heard: () => {
          if (this.state.kind === 'unreachable' && !this.#attachment.isReplaying) {
            this.#states.ready();
          }
        },
        unpaused: () => {
          this.#unpaused();
        },
        gone: (failure) => {
          if (this.state.kind === 'starting') {
            void this.#notStarted(containerId, failure);
          } else {
            this.#gone(failure);
          }
        },
      },
      this.#log,
      this.#timing,
    );
    this.#connection.await(this.#commands.isAwaited); // cells may have been sent already
    this.#connection.open();
  }

  /** Ends a session whose sandbox has not started. */
  async #notStarted(containerId: string, cause: SandboxError): Promise<void> {
    this.#connection?.close();
    this.#gone(this.#isFound ? cause : await this.#start.explain(containerId, cause));
  }

  // ------------------------------------------------------------------------------------------------------- the stream

  get #isFound(): boolean {
    return this.options.sandbox !== undefined;
  }

  #hello(content: EventContents['hello'], t: number): void {
    this.#clock = { t, at: Date.now() };
    const failure = this.#attachment.hello(content);
    if (failure) {
      this.#gone(failure);
    }
  }

  #attached(running: readonly string[]): void {
    this.#start.clearDeadline();
    this.#states.ready();
    this.#publisher.runs(running);
    this.#commands.attached();
    void this.#attachment.settled().then(() => {
      this.#start.succeed();
    });
  }

  #sent(cell: CellExecution): void {
    void cell.reply.then(() => {
      this.#installs.ended(cell.msgId);
    });
    queueMicrotask(() => {
      this.#publisher.state(this.state);
    }); // after the caller has got the cell
  }

  #cut(): void {
    this.#attachment.stop();
    this.#commands.cut();
  }

  #unpaused(): void {
    if (this.state.kind === 'unreachable' && this.#connection?.attached) {
      this.#states.ready();
    }
  }

  // ----------------------------------------------------------------------------------------------------------- events

  #logged(event: SandboxEvent): void {
    if (!this.#commands.admits(event)) {
      return;
    }
    if (this.state.kind !== 'disposed') {
      this.#publisher.logged(event);
    }
    if (event.msg_type === 'install_request' && this.#attachment.isUnanswered(event)) {
      this.#installs.requested(event);
    }
    if (event.msg_type === 'gap') {
      this.#publisher.gap(event, this.#attachment.lost());
    }
    this.#commands.settle(event);
  }

  // -------------------------------------------------------------------------------------------------------------- end

  /** Ends the session and everything that is open with this failure. Removes the container unless it belongs to another host. */
  #gone(failure: SandboxError): void {
    const notOurs =
      failure.code === 'InUse' || failure.code === 'OtherEngine' || (this.#isFound && this.state.kind === 'starting');
    if (!this.#states.gone(failure)) {
      return;
    }
    this.#settleAll(replyOf(failure), failure);
    void (notOurs ? this.#leave() : this.#close());
  }

  async #dispose(): Promise<void> {
    this.#states.disposed();
    this.#settleAll(aborted('shutdown'), new SandboxError('Cancelled'));
    if (this.#connection?.send(encodeCommand(command('shutdown_request', {})))) {
      await this.#connection.drained(this.#timing.shutdown);
    }
    await this.#close();
    this.#publisher.listeners.clear();
    this.#states.listeners.clear();
  }

  #settleAll(reply: ExecuteReply, failure: SandboxError): void {
    this.#attachment.stop();
    this.#commands.end(reply, failure);
    this.#start.fail(failure);
  }

  /** Never rejects. */
  async #close(): Promise<void> {
    await Promise.all([this.#leave(), this.#container.remove()]);
  }

  /** Disconnects and leaves the container as it is. Never rejects. */
  async #leave(): Promise<void> {
    this.#connection?.close();
    this.#lifeMonitor.dispose();
    await this.#installs.close();
  }
}
