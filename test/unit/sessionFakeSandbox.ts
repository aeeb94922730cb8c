import { Duplex, PassThrough } from 'node:stream';
import type {
  Engine,
  EngineInfo,
  ExecStream,
  FoundSandbox,
  ImagesFound,
  InstallRequest,
  LifeEvent,
  SandboxSpecification,
  SandboxState,
} from '../../src/engine/engine';
import { SandboxError } from '../../src/protocol/errors';
import { LineSplitter } from '../../src/protocol/lines';
import {
  QUERY_ANSWER,
  type Command,
  type CommandChunk,
  type CommType,
  type EventContents,
  type EventType,
  type JsonObject,
} from '../../src/protocol/messages';

/**
 * The fault of a stream: it is cut after this number of bytes to or from the host, possibly in the middle of a line.
 */
export interface Fault {
  up: number;
  down: number;
}

/**
 * An engine with one sandbox that follows `src/protocol/README.md`: it has one log, sends `accepted` before anything
 * runs, executes an id once, and replaces the old stream of a host by a new one. Cells do what `run` does. It
 * implements only what a session can observe.
 */
export class FakeSandbox implements Engine {
  readonly info: EngineInfo = {
    id: 'fake',
    product: 'unknown',
    version: '',
    apiVersion: '',
    endpoint: 'fake',
    context: '',
    cpus: 2,
    memory: 0,
    seccomp: true,
    capabilities: {
      update: false,
      tmpfsCopiesUp: false,
      writableFolders: [],
      hidesCapabilities: false,
      lacksIPv6Loopback: false,
    },
  };
  isBusy = false;
  /** Lines of the log; the event `seq` is at `seq - 1`. */
  readonly log: string[] = [];
  /** The oldest event that is still in the log. */
  first = 1;
  /** The codes of cells, in the order in which they ran. */
  readonly ran: string[] = [];
  readonly #busyListeners = new Set<(isBusy: boolean) => void>();
  readonly removed: string[] = [];
  readonly removedLibraries: string[] = [];
  readonly installs: InstallRequest[] = [];
  /** Performs an install. */
  installing: (onLine: (line: string) => void, signal?: AbortSignal) => Promise<void> = () => Promise.resolve();
  specification: SandboxSpecification | undefined;
  state: SandboxState | null = { running: true, paused: false, exitCode: null };
  boot = 'boot1';
  streams = 0;
  /** Called for each stream; returns its fault. */
  fault: () => Fault = () => ({ up: Infinity, down: Infinity });
  /** If set, `openStream` sends this text instead of starting a relay. */
  plainText: string | undefined;
  createDelay = 0;
  createFails: SandboxError | undefined;
  /** If set, the engine answers every request with this error. */
  away: SandboxError | undefined;
  /** Whether the sandbox answers nothing, as if it were paused or stuck. */
  deaf = false;
  readonly #listeners = new Set<(event: LifeEvent) => void>();
  readonly #accepted = new Map<string, string>();
  /** Comm messages in the order in which they were handled. */
  readonly comms: Command<CommType>[] = [];
  readonly #kernels = new Map<string, FakeKernel>([['main', { gen: 1, queue: [], running: undefined }]]);
  #host: FakeHost | undefined;
  /** The time of the sandbox in seconds. */
  #clock = 0;

  /** Runs a cell: emits events and resolves with its reply. */
  run = async (request: Command<'execute_request'>): Promise<Partial<EventContents['execute_reply']>> => {
    const { kernel, header, content } = request;
    this.emit('stream', { name: 'stdout', text: `${content.code}\n` }, header.msg_id, { kernel });
    await new Promise((resolve) => setImmediate(resolve));
    return {};
  };

  async create(specification: SandboxSpecification, signal?: AbortSignal): Promise<string> {
    this.specification = specification;
    await new Promise((resolve) => setTimeout(resolve, this.createDelay));
    if (signal?.aborted) {
      throw new SandboxError('Cancelled');
    }
    if (this.createFails) {
      throw this.createFails;
    }
    return 'container1';
  }

  async openStream(): Promise<ExecStream> {
    await new Promise((resolve) => setImmediate(resolve));
    if (this.away) {
      throw this.away;
    }
    if (!this.state?.running) {
      throw new SandboxError('EngineFailed', { reason: 'is not running' });
    }
    this.streams += 1;
    const host = new FakeHost(this.fault(), (line) => {
      this.#onLine(host, line);
    });
    if (this.plainText !== undefined) {
      host.stream.push(this.plainText);
      host.stream.push(null);
    }
    return host;
  }

  putFiles(): Promise<Map<number, string>> {
    return Promise.resolve(new Map<number, string>());
  }

  async inspect(): Promise<SandboxState | null> {
    await Promise.resolve();
    if (this.away) {
      throw this.away;
    }
    return this.state;
  }

  onLifeEvent(listener: (event: LifeEvent) => void): { dispose(): void } {
    this.#listeners.add(listener);
    return {
      dispose: () => {
        this.#listeners.delete(listener);
      },
    };
  }

  async remove(id: string): Promise<void> {
    await Promise.resolve();
    this.removed.push(id);
    this.state = null;
    this.#host?.destroy();
  }

  logs(): Promise<string> {
    return Promise.resolve('the last words');
  }
  ensureImage(): Promise<string> {
    return Promise.resolve('image');
  }
  findUnusedImages(): Promise<[]> {
    return Promise.resolve([]);
  }
  removeImages(): Promise<string[]> {
    return Promise.resolve([]);
  }
  rebuildImage(): Promise<string> {
    return Promise.resolve('image');
  }
  findImages(): Promise<ImagesFound> {
    return Promise.resolve({ base: null, derived: 'image' });
  }
  setMemory(): Promise<void> {
    return Promise.reject(new SandboxError('EngineFailed', { reason: 'not here' }));
  }
  async install(request: InstallRequest, onLine: (line: string) => void, signal?: AbortSignal): Promise<void> {
    this.installs.push(request);
    await this.installing(onLine, signal);
  }
  removeLibraries(name: string): Promise<void> {
    this.removedLibraries.push(name);
    return Promise.resolve();
  }
  holdLibraries(): void {
    /* nothing is swept */
  }
  hasLibraries(): Promise<boolean> {
    return Promise.resolve(true);
  }
  findSandboxes(): Promise<FoundSandbox[]> {
    return Promise.resolve([]);
  }
  removeAll(): Promise<void> {
    return Promise.resolve();
  }
  usedUids(): Promise<Set<number>> {
    return Promise.resolve(new Set());
  }
  isStillThere(): Promise<boolean> {
    return Promise.resolve(true);
  }
  rest(): void {
    /* does nothing by itself */
  }
  onBusy(listener: (isBusy: boolean) => void): { dispose(): void } {
    this.#busyListeners.add(listener);
    return {
      dispose: () => {
        this.#busyListeners.delete(listener);
      },
    };
  }
  becomeBusy(isBusy: boolean): void {
    this.isBusy = isBusy;
    for (const listener of this.#busyListeners) {
      listener(isBusy);
    }
  }
  dispose(): void {
    /* nothing is open */
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  life(action: LifeEvent['action'], exitCode: number | null = null): void {
    if (this.state && (action === 'pause' || action === 'unpause')) {
      this.state = { ...this.state, paused: action === 'pause' };
    }
    for (const listener of [...this.#listeners]) {
      listener({ sandboxId: this.specification?.sandboxId ?? '', action, exitCode });
    }
  }

  cut(): void {
    this.#host?.destroy();
  }

  /** Removes all events from the log; it keeps only later ones. */
  trim(): void {
    this.first = this.log.length + 1;
  }

  /** Ends the kernel while no cell runs, and starts a fresh one. */
  die(cause = 'KernelDied', kernel = 'main'): void {
    this.emit(
      'status',
      {
        execution_state: 'restarting',
        failure: { code: 'Restarted', params: { reason: 'died', cause } },
      },
      '',
      { kernel },
    );
    this.#kernel(kernel).gen += 1;
    this.emit('status', { execution_state: 'idle' }, '', { kernel });
  }

  /** Sends raw bytes to the host, as a hostile sandbox may do. */
  raw(bytes: string): void {
    this.#host?.send(bytes);
  }

  emit<T extends EventType>(
    type: T,
    content: EventContents[T],
    msgId = '',
    more: { kernel?: string; gen?: number; seq?: number; metadata?: object } = {},
  ): void {
    const { kernel = 'main' } = more;
    const seq = more.seq ?? this.log.length + 1;
    const line = JSON.stringify({
      seq,
      kernel,
      gen: more.gen ?? this.#kernel(kernel).gen,
      t: (this.#clock += 0.001),
      channel: 'iopub',
      msg_type: type,
      parent_header: { msg_id: msgId },
      content,
      metadata: more.metadata ?? {},
      buffers: [],
    });
    if (more.seq === undefined) {
      this.log.push(line);
    }
    this.#host?.send(`${line}\n`);
  }

  #onLine(host: FakeHost, line: string): void {
    if (this.deaf) {
      return;
    }
    const message = host.joined(JSON.parse(line) as Command | CommandChunk);
    if (!message) {
      return;
    }
    const { msg_id: msgId, msg_type: type } = message.header;
    if (type === 'follow_request') {
      const { after, boot } = (message as Command<'follow_request'>).content;
      if (this.#host !== host) {
        this.#host?.destroy();
      }
      this.#host = host;
      this.emit(
        'hello',
        {
          boot: this.boot,
          protocol: 2,
          runner: '0',
          python: '3',
          ipython: '9',
          first: this.first,
          last: this.log.length,
          writer: true,
          kernels: Object.fromEntries(
            [...this.#kernels].map(([name, kernel]) => [
              name,
              {
                gen: kernel.gen,
                execution_state: 'idle',
                msg_id: kernel.running?.header.msg_id ?? '',
                execution_count: 0,
                request: '',
                requests: [],
                cells: openCells(kernel),
              },
            ]),
          ),
        },
        msgId,
        { seq: 0 },
      );
      const from = boot === this.boot ? after : 0;
      if (from < this.first - 1) {
        this.emit('gap', { from: from + 1, to: this.first - 1, bytes: 1_000 }, '', { seq: this.first - 1 });
      }
      for (const logged of this.log.slice(Math.max(from, this.first - 1))) {
        host.send(`${logged}\n`);
      }
    } else if (type === 'ping') {
      this.emit('pong', {}, msgId, { seq: 0 });
    } else if (type in QUERY_ANSWER) {
      // This sandbox has the same answer for every query.
      this.emit(
        'complete_reply',
        {
          status: this.#kernel(message.kernel).running ? 'busy' : 'ok',
          matches: ['print'],
          cursor_start: 0,
          cursor_end: 3,
          metadata: {},
        },
        msgId,
        { seq: 0, kernel: message.kernel },
      );
    } else if (this.#accepted.has(msgId)) {
      this.emit('accepted', { msg_type: type }, msgId, { seq: 0, kernel: message.kernel });
      const reply = this.#accepted.get(msgId);
      if (reply) {
        host.send(reply);
      }
    } else {
      this.#accepted.set(msgId, '');
      this.emit('accepted', { msg_type: type }, msgId, { metadata: message.metadata, kernel: message.kernel });
      this.#obey(message);
    }
  }

  #kernel(name: string): FakeKernel {
    const kernel = this.#kernels.get(name) ?? { gen: 1, queue: [], running: undefined };
    this.#kernels.set(name, kernel);
    return kernel;
  }

  #obey(message: Command): void {
    const msgId = message.header.msg_id;
    const { kernel: name } = message;
    const kernel = this.#kernel(name);
    switch (message.header.msg_type) {
      case 'execute_request':
        kernel.queue.push(message as Command<'execute_request'>);
        if (!kernel.running) {
          void this.#work(kernel);
        }
        return;
      case 'comm_open':
      case 'comm_msg':
      case 'comm_close':
        this.comms.push(message as Command<CommType>);
        this.emit('status', { execution_state: 'idle' }, msgId, { kernel: name });
        return;
      case 'interrupt_request':
        this.emit('interrupt_reply', { status: 'ok', step: 'interrupt' }, msgId, { kernel: name });
        return;
      case 'reset_request':
        for (const cell of kernel.queue.splice(0)) {
          this.#reply(cell, { status: 'aborted', failure: { code: 'Aborted', params: { reason: 'reset' } } });
        }
        kernel.gen += 1;
        this.emit('reset_reply', { status: 'ok' }, msgId, { kernel: name });
        return;
      case 'shutdown_request':
        this.emit('shutdown_reply', { status: 'ok' }, msgId);
        this.#host?.destroy();
        return;
      default:
    }
  }

  async #work(kernel: FakeKernel): Promise<void> {
    while ((kernel.running = kernel.queue.shift())) {
      const cell = kernel.running;
      const { code } = cell.content;
      const count = this.ran.length + 1;
      this.emit('execute_input', { code, execution_count: count }, cell.header.msg_id, { kernel: cell.kernel });
      this.ran.push(cell.content.code);
      this.#reply(cell, await this.run(cell));
    }
  }

  #reply(cell: Command, reply: Partial<EventContents['execute_reply']>): void {
    const content: EventContents['execute_reply'] = {
      status: 'ok',
      execution_count: this.ran.length,
      ename: '',
      evalue: '',
      traceback: [],
      payload: [],
      user_expressions: {},
      ...reply,
    };
    const msgId = cell.header.msg_id;
    this.emit('execute_reply', content, msgId, { kernel: cell.kernel });
    this.#accepted.set(msgId, (this.log.at(-1) ?? '').replace(/^{"seq":\d+/, '{"seq":0') + '\n');
  }
}

interface FakeKernel {
  gen: number;
  readonly queue: Command<'execute_request'>[];
  running: Command<'execute_request'> | undefined;
}

const openCells = ({ running, queue }: FakeKernel): { msg_id: string; metadata: JsonObject }[] =>
  [...(running ? [running] : []), ...queue].map(({ header, metadata }) => ({
    msg_id: header.msg_id,
    metadata: { ...metadata },
  }));

/** One exec stream, made of a pair of pipes that a fault may cut at any byte. */
class FakeHost implements ExecStream {
  readonly stderr = new PassThrough();
  readonly stream: Duplex;
  #pieces: string[] = [];
  #down: number;
  #up: number;

  constructor(fault: Fault, onLine: (line: string) => void) {
    this.#down = fault.down;
    this.#up = fault.up;
    const lines = new LineSplitter({ line: onLine, tooLong: () => undefined });
    this.stream = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => {
        const arrives = chunk.subarray(0, Math.max(0, this.#up));
        this.#up -= chunk.length;
        lines.push(arrives);
        if (this.#up < 0) {
          this.#end();
        }
        done();
      },
    });
  }

  /** Handles a command once all of its pieces have arrived. */
  joined(message: Command | CommandChunk): Command | undefined {
    if (!isChunk(message)) {
      return message;
    }
    const { i, last, data } = message.content;
    if (i === 0) {
      this.#pieces = [];
    }
    if (i !== this.#pieces.length) {
      throw new Error('a piece is missing');
    }
    this.#pieces.push(data);
    return last ? (JSON.parse(this.#pieces.join('')) as Command) : undefined;
  }

  send(text: string): void {
    if (this.#down < 0 || this.stream.destroyed) {
      return;
    }
    const bytes = Buffer.from(text);
    this.stream.push(bytes.subarray(0, this.#down === Infinity ? bytes.length : this.#down));
    this.#down -= bytes.length;
    if (this.#down < 0) {
      this.#end();
    }
  }

  destroy(): void {
    this.stream.destroy();
  }

  #end(): void {
    this.#down = -1;
    this.#up = -1;
    if (!this.stream.destroyed) {
      this.stream.push(null);
    }
  }
}

const isChunk = (message: Command | CommandChunk): message is CommandChunk => message.header.msg_type === 'chunk';
