import type { Log } from '../../log';
import { command, encodeCommand, MAX_COMMAND_BYTES } from '../../protocol/encode';
import { SandboxError } from '../../protocol/errors';
import {
  COMM_TYPES,
  MAIN_KERNEL,
  type Command,
  type CommandContents,
  type CommandType,
  type EventOf,
  type ExecuteReply,
  type SandboxEvent,
} from '../../protocol/messages';
import { PerKernel } from '../../protocol/per-kernel';
import { Cells } from './cells';
import { aborted, replyOf } from '../failures';
import { FallbackReplies, LOST_REPLY } from './fallback-replies';
import { LostReplies } from './lost-replies';
import { Outbox } from '../stream/outbox';
import { OpenRequests, type OpenRequestOptions } from './open-requests';
import type { Timing } from '../time';
import type { CellExecution, OpenCell } from '../types';

const TOO_LONG = replyOf({
  code: 'ProtocolViolation',
  params: { reason: 'the cell is too long', limit: MAX_COMMAND_BYTES },
});
/** Commands whose only answer is the `accepted` event. */
const ANSWERED_BY_ACCEPTED: ReadonlySet<string> = new Set<CommandType>([
  'input_reply',
  'install_output',
  'install_reply',
  ...COMM_TYPES,
]);
export interface PendingCommandsSink {
  /** Writes a line to the stream. False if there is no stream. */
  send(line: string): boolean;
  /** Bytes written to the stream that the sandbox has not taken yet. */
  unsent(): number;
  /** {@link PendingCommands.isAwaited} may have changed. */
  changed(): void;
  /** A cell ends with a reply that is missing from the log. Called before the cell settles. */
  replyOutsideLog(reply: EventOf<'execute_reply'>): void;
}

/** The commands that a session has sent, or is about to send, and that have no answer yet. It decides which event settles which command. */
export class PendingCommands {
  readonly #cells = new Cells();
  readonly #requests = new OpenRequests();
  readonly #outbox: Outbox;
  readonly #fallbackReplies: FallbackReplies;
  readonly #lostReplies: LostReplies;
  /** Set when the session has ended: the reply and the failure for all further commands. */
  #end: { reply: ExecuteReply; failure: SandboxError } | undefined;
  /** For each kernel, the id of the comm message that it is handling; '' = none. */
  readonly #callbacks = new PerKernel(() => ({ msgId: '' }));
  constructor(
    private readonly sink: PendingCommandsSink,
    private readonly timing: Timing,
    private readonly log: Log,
  ) {
    this.#outbox = new Outbox((line) => {
      sink.send(line);
    });
    this.#lostReplies = new LostReplies(this.#cells, this.#outbox, sink);
    this.#fallbackReplies = new FallbackReplies(this.#cells, timing.lostReply, (msgId, reply, event) => {
      if (event) {
        sink.replyOutsideLog(event);
      }
      this.#cells.settle(msgId, reply);
      sink.changed();
    });
  }

  get isAwaited(): boolean {
    return this.#cells.size > 0 || this.#requests.size > 0;
  }

  /** The cells that the sandbox has accepted and not replied to, as far as this session knows. */
  get open(): OpenCell[] {
    return this.#cells
      .ids()
      .filter((msgId) => !this.#outbox.has(msgId))
      .map((msgId) => ({ msgId, kernel: this.kernelOf(msgId), metadata: this.#cells.metadata(msgId) }));
  }

  /** Ids of all cells without a reply, including those that are not accepted yet. */
  get openIds(): string[] {
    return this.#cells.ids();
  }

  execute(message: Command<'execute_request'>): CellExecution {
    const { msg_id: msgId } = message.header;
    const line = encodeCommand(message);
    const cell = this.#cells.open({ msgId, kernel: message.kernel, metadata: { ...message.metadata } }, line);
    if (this.#end) {
      this.#cells.settle(msgId, this.#end.reply);
    } else if (Buffer.byteLength(line) > MAX_COMMAND_BYTES) {
      this.#cells.settle(msgId, TOO_LONG);
    } else {
      this.#outbox.add(msgId, line);
    }
    this.sink.changed();
    return cell;
  }

  async interrupt(msgId: string, { run } = { run: true }): Promise<void> {
    if (!this.#cells.isOpen(msgId)) {
      return;
    }
    const kernel = this.kernelOf(msgId);
    const wasUnsent = this.#outbox.isUnsent(msgId);
    this.#abortUnsent(run ? this.#cells.run(msgId) : [msgId], 'interrupt');
    if (!wasUnsent) {
      await this.request(
        'interrupt_request',
        { msg_id: msgId, run },
        { operation: 'interrupt', deadline: this.timing.interrupt, kernel },
      );
    }
  }

  /** Interrupts the callback of the comm message that the kernel is handling. Does nothing if it handles none. */
  async interruptCallback(kernel: string): Promise<void> {
    const { msgId } = this.#callbacks.of(kernel);
    if (msgId !== '') {
      await this.request(
        'interrupt_request',
        { msg_id: msgId, run: true },
        { operation: 'interrupt', deadline: this.timing.interrupt, kernel },
      );
    }
  }

  /** Starts a fresh process of one kernel. Its open cells are aborted, those of other kernels go on. */
  async reset(kernel: string, content: CommandContents['reset_request']): Promise<void> {
    const before = this.#cells.ids(kernel);
    this.#abortUnsent(before, 'reset');
    const { reset: deadline } = this.timing;
    const reply = await this.request('reset_request', content, { operation: 'reset', deadline, kernel });
    for (const msgId of before) {
      this.#cells.settle(msgId, aborted('reset'));
    } // cells whose replies were lost
    this.sink.changed();
    if (reply.msg_type === 'reset_reply' && reply.content.status !== 'ok') {
      throw new SandboxError('KernelDied', { signal: '', exitcode: -1 });
    }
  }

  /** Resolves with the event that answers the command. Rejects with a SandboxError at the latest at the deadline. */
  async request<T extends CommandType>(
    type: T,
    content: CommandContents[T],
    options: OpenRequestOptions,
  ): Promise<SandboxEvent> {
    // comm messages use deliver()
    const { kernel, metadata } = options;
    const message = command(type, content, { kernel, metadata: metadata as Command<T>['metadata'] | undefined });
    return this.deliver(message.header.msg_id, encodeCommand(message), options);
  }

  /** Like {@link request}, for an encoded command. */
  async deliver(msgId: string, line: string, options: OpenRequestOptions): Promise<SandboxEvent> {
    if (this.#end) {
      throw this.#end.failure;
    }
    const answer = this.#requests.open(msgId, options);
    if (!options.unlogged) {
      this.#outbox.add(msgId, line);
    } else if (!this.sink.send(line)) {
      this.#requests.fail(msgId, cutFailure(options));
    }
    this.sink.changed();
    try {
      return await answer;
    } finally {
      this.#outbox.withdraw(msgId);
      this.sink.changed();
    }
  }

  /** Call when a stream has replayed the log up to its hello. */
  attached(): void {
    this.#outbox.attached();
    this.#lostReplies.attached();
  }

  cut(): void {
    this.#outbox.cut();
    this.#requests.failUnlogged(cutFailure({ operation: 'query' }));
  }

  /** Call first for each event of the log. False if the event comes from an older kernel than its cell and is to be ignored. */
  admits(event: SandboxEvent): boolean {
    this.#fallbackReplies.read(event.t);
    if (event.msg_type === 'gap') {
      this.#lostReplies.gap();
    }
    if (!this.#cells.admits(event)) {
      this.log.debug(`an event of kernel ${event.kernel} ${event.gen} came too late: ${event.msg_type}`);
      return false;
    }
    const msgId = event.parent_header.msg_id;
    if (msgId !== '') {
      this.#outbox.accepted(msgId);
    } // any event of a command shows that the command was accepted
    return true;
  }

  /**
   * Adds a cell that an earlier host sent and that has no reply yet. Its code is unknown here, but its id is enough to get its reply
   * from the supervisor, which executes each id only once.
   */
  adopt(adopted: OpenCell): CellExecution {
    const known = command(
      'execute_request',
      {
        code: '',
        silent: true,
        store_history: false,
        allow_stdin: false,
        stop_on_error: false,
        timeout: 1,
        folder: '',
        project: '',
      },
      { msgId: adopted.msgId, kernel: adopted.kernel },
    );
    const cell = this.#cells.open(adopted, encodeCommand(known));
    this.sink.changed();
    return cell;
  }

  isOpen(msgId: string): boolean {
    return this.#cells.isOpen(msgId);
  }

  /** Settles a cell whose reply cannot be obtained. */
  giveUp(msgId: string): void {
    this.#cells.settle(msgId, LOST_REPLY);
    this.sink.changed();
  }

  /** Call when events of the log are missing: replies may be among them. */
  missed(): void {
    this.#lostReplies.missed();
  }

  /** For each kernel that has open cells, the id of the one that was sent first, which is the running one. */
  oldest(): ReadonlyMap<string, string> {
    return this.#cells.oldest();
  }

  /** The kernel of an open cell, or the sandbox's first kernel if no such cell is open. */
  kernelOf(msgId: string): string {
    return this.#cells.kernel(msgId) ?? MAIN_KERNEL;
  }

  /** True for the first call for an open cell, false afterwards: its user is told once that output is missing. */
  complain(msgId: string): boolean {
    return this.#cells.complain(msgId);
  }

  /** Settles the command that this event answers. Call it after the listeners have got the event. */
  settle(event: SandboxEvent): void {
    const msgId = event.parent_header.msg_id;
    switch (event.msg_type) {
      case 'execute_reply':
        if (event.seq === 0) {
          this.#fallbackReplies.unlogged(event);
        } else {
          this.#cells.settle(msgId, event.content);
        }
        this.sink.changed();
        return;
      case 'status':
        if (event.content.execution_state === 'idle') {
          this.#fallbackReplies.finished(msgId);
        }
        this.#noteCallback(event);
        this.#requests.answer(event); // answers a comm message whose `accepted` is no longer in the log
        return;
      case 'accepted':
        this.#outbox.accepted(msgId);
        if (ANSWERED_BY_ACCEPTED.has(event.content.msg_type)) {
          this.#requests.answer(event);
        }
        return;
      case 'interrupt_reply':
      case 'reset_reply':
      case 'complete_reply':
      case 'inspect_reply':
      case 'signature_reply':
        this.#requests.answer(event);
        return;
      case 'refused':
        this.#refused(
          msgId,
          new SandboxError('ProtocolViolation', {
            reason: String(event.content.params['reason'] ?? event.content.code),
          }),
        );
        return;
      default:
    }
  }

  /** Settles all open commands, and from now on every new command at once. */
  end(reply: ExecuteReply, failure: SandboxError): void {
    this.#end = { reply, failure };
    this.#lostReplies.stop();
    this.#fallbackReplies.clear();
    this.#outbox.clear();
    this.#cells.settleAll(reply);
    this.#requests.failAll(failure);
  }

  #noteCallback({ kernel, parent_header: { msg_id: msgId }, content }: EventOf<'status'>): void {
    const callback = this.#callbacks.of(kernel);
    if (content.execution_state === 'idle' && msgId === callback.msgId) {
      callback.msgId = '';
    }
    if (content.execution_state === 'busy' && content.comm_id !== undefined) {
      callback.msgId = msgId;
    }
  }

  #refused(msgId: string, failure: SandboxError): void {
    this.log.warn(`the sandbox refused a command: ${failure.message}`);
    this.#outbox.withdraw(msgId);
    this.#cells.settle(msgId, replyOf(failure));
    this.#requests.fail(msgId, failure);
    this.sink.changed();
  }

  #abortUnsent(msgIds: string[], reason: 'interrupt' | 'reset'): void {
    for (const msgId of msgIds) {
      if (!this.#outbox.isUnsent(msgId)) {
        continue;
      }
      this.#outbox.withdraw(msgId);
      this.#cells.settle(msgId, aborted(reason));
    }
  }
}

const cutFailure = ({ operation }: Pick<OpenRequestOptions, 'operation'>): SandboxError =>
  new SandboxError('SandboxSilent', { operation, seconds: 0 });
