import type { Log } from '../log';
import { command, encodeCommand, MAX_COMMAND_BYTES } from '../protocol/encode';
import { SandboxError } from '../protocol/errors';
import {
  COMM_TYPES,
  type Command,
  type CommandContents,
  type CommandType,
  type EventOf,
  type ExecuteReply,
  type JsonObject,
  type SandboxEvent,
} from '../protocol/messages';
import { Cells } from './cells';
import { aborted, replyOf } from './failures';
import { Outbox } from './outbox';
import { OpenRequests, type OpenRequestOptions } from './open-requests';
import type { Timing } from './time';
import type { CellExecution, OpenCell } from './types';

const TOO_LONG = replyOf({
  code: 'ProtocolViolation',
  params: { reason: 'the cell is too long', limit: MAX_COMMAND_BYTES },
});
/** Commands to which the sandbox says nothing else. */
const ANSWERED_BY_ACCEPTED: ReadonlySet<string> = new Set<CommandType>([
  'input_reply',
  'install_output',
  'install_reply',
  ...COMM_TYPES,
]);
const LOST_REPLY = replyOf({ code: 'ProtocolViolation', params: { reason: 'the reply was lost' } });

/** Milliseconds from a gap to the question what was in it; more each time that nothing but numbers is missing. */
const MIN_ASK_AGAIN_DELAY_MS = 100;
const MAX_ASK_AGAIN_DELAY_MS = 5_000;
/** Bytes on the stream over which nothing is asked again: a sandbox that makes gaps and reads nothing must not fill our memory. */
const MAX_UNSENT_BYTES = 1024 * 1024;

export interface PendingCommandsSink {
  /** Puts a line on the stream; false: there is none. */
  send(line: string): boolean;
  /** Bytes on the stream that the sandbox has not taken yet. */
  unsent(): number;
  /** Something may have begun to be awaited, or nothing is any more. */
  changed(): void;
  /** A cell ends by a reply that the log did not bring; told before it settles. */
  unheard(reply: EventOf<'execute_reply'>): void;
}

/** A reply that counts if the log brings no better one; `event`: the supervisor's word, out of order. */
interface FallbackReply {
  timer: NodeJS.Timeout;
  reply: ExecuteReply;
  event: EventOf<'execute_reply'> | undefined;
}

/** All that a session has asked of its sandbox and waits for: what goes out, and which event settles it. */
export class PendingCommands {
  readonly #cells = new Cells();
  readonly #requests = new OpenRequests();
  readonly #outbox: Outbox;
  /** Why nothing can be asked any more. */
  #end: { reply: ExecuteReply; failure: SandboxError } | undefined;
  /** The comm's message that the kernel handles now; empty = none. */
  #callback = '';
  #gapSeen = false;
  #askAgainIn = MIN_ASK_AGAIN_DELAY_MS;
  #asking: NodeJS.Timeout | undefined;
  readonly #fallbackReplies = new Map<string, FallbackReply>();
  /** Seconds on the supervisor's clock: the log was read up to there. */
  #readTo = -Infinity;

  constructor(
    private readonly sink: PendingCommandsSink,
    private readonly timing: Timing,
    private readonly log: Log,
  ) {
    this.#outbox = new Outbox((line) => {
      sink.send(line);
    });
  }

  get isAwaited(): boolean {
    return this.#cells.size > 0 || this.#requests.size > 0;
  }

  /** What the sandbox has accepted and not replied to yet, as far as is known here. */
  get open(): OpenCell[] {
    return this.#cells
      .ids()
      .filter((msgId) => !this.#outbox.has(msgId))
      .map((msgId) => ({ msgId, metadata: this.#cells.metadata(msgId) }));
  }

  /** The same with what is on its way. */
  get openIds(): string[] {
    return this.#cells.ids();
  }

  execute(message: Command<'execute_request'>): CellExecution {
    const { msg_id: msgId } = message.header;
    const line = encodeCommand(message);
    const cell = this.#cells.open(msgId, line, { ...message.metadata });
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
    const wasUnsent = this.#outbox.isUnsent(msgId);
    this.#abortUnsent(run ? this.#cells.run(msgId) : [msgId], 'interrupt');
    if (!wasUnsent) {
      await this.request(
        'interrupt_request',
        { msg_id: msgId, run },
        { operation: 'interrupt', deadline: this.timing.interrupt },
      );
    }
  }

  /** One press for what a comm's message has called; nothing if none is handled. */
  async interruptCallback(): Promise<void> {
    if (this.#callback !== '') {
      await this.request(
        'interrupt_request',
        { msg_id: this.#callback, run: true },
        { operation: 'interrupt', deadline: this.timing.interrupt },
      );
    }
  }

  async reset(content: CommandContents['reset_request']): Promise<void> {
    const before = this.#cells.ids();
    this.#abortUnsent(before, 'reset');
    const reply = await this.request('reset_request', content, { operation: 'reset', deadline: this.timing.reset });
    for (const msgId of before) {
      this.#cells.settle(msgId, aborted('reset'));
    } // those whose reply was lost
    this.sink.changed();
    if (reply.msg_type === 'reset_reply' && reply.content.status !== 'ok') {
      throw new SandboxError('KernelDied', { signal: '', exitcode: -1 });
    }
  }

  /** Resolves with the event that answers; rejects with a SandboxError at the latest at the deadline. */
  async request<T extends CommandType>(
    type: T,
    content: CommandContents[T],
    options: OpenRequestOptions,
  ): Promise<SandboxEvent> {
    const message = command(type, content, { metadata: options.metadata as Command<T>['metadata'] | undefined }); // comms are delivered below
    return this.deliver(message.header.msg_id, encodeCommand(message), options);
  }

  /** The same for a command that is encoded already. */
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

  /** A stream has brought all of the log that there was at its hello. */
  attached(): void {
    this.#outbox.attached();
    this.#askAgainIn = MIN_ASK_AGAIN_DELAY_MS;
    if (this.#gapSeen) {
      this.#askAgain();
    }
  }

  cut(): void {
    this.#outbox.cut();
    this.#requests.failUnlogged(cutFailure({ operation: 'complete' }));
  }

  /** First look at an event of the log. False: it comes from an older kernel than the cell that it names. */
  admits(event: SandboxEvent): boolean {
    this.#readTo = Math.max(this.#readTo, event.t);
    for (const [msgId, later] of this.#fallbackReplies) {
      if (this.#isPassed(later)) {
        this.#settleNow(msgId, later);
      } else {
        later.timer.refresh();
      }
    }
    if (event.msg_type === 'gap') {
      this.#askAgainIn = MIN_ASK_AGAIN_DELAY_MS;
      this.missed();
    }
    if (!this.#cells.admits(event)) {
      this.log.debug(`an event of kernel ${event.gen} came too late: ${event.msg_type}`);
      return false;
    }
    const msgId = event.parent_header.msg_id;
    if (msgId !== '') {
      this.#outbox.accepted(msgId);
    } // whatever speaks of a command shows that it was accepted
    return true;
  }

  /**
   * A cell that an earlier host sent and that has no reply yet. Its code is not known here; who asks by its id alone is told
   * how it ended, and an id is obeyed once.
   */
  adopt(msgId: string, metadata: JsonObject): CellExecution {
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
      { msgId },
    );
    const cell = this.#cells.open(msgId, encodeCommand(known), metadata);
    this.sink.changed();
    return cell;
  }

  isOpen(msgId: string): boolean {
    return this.#cells.isOpen(msgId);
  }

  /** Nobody says how this cell ended. */
  giveUp(msgId: string): void {
    this.#cells.settle(msgId, LOST_REPLY);
    this.sink.changed();
  }

  /** The log lacks something: replies may have been in it. */
  missed(): void {
    this.#gapSeen = true;
    // not at each: a sandbox that alters its log may make many
    this.#asking ??= setTimeout(() => {
      this.#asking = undefined;
      if (!this.#gapSeen || !this.#outbox.isOpen) {
        return;
      }
      if (this.sink.unsent() > MAX_UNSENT_BYTES) {
        this.missed();
      } else {
        this.#askAgain();
      }
      this.#askAgainIn = Math.min(2 * this.#askAgainIn, MAX_ASK_AGAIN_DELAY_MS);
    }, this.#askAgainIn).unref();
  }

  /** The open cell that was sent first, the one that runs; empty if there is none. */
  get oldest(): string {
    return this.#cells.ids()[0] ?? '';
  }

  /** True the first time that output of this open cell is lost. */
  complain(msgId: string): boolean {
    return this.#cells.complain(msgId);
  }

  /** Settles what the event answers; listeners have seen it by now. */
  settle(event: SandboxEvent): void {
    const msgId = event.parent_header.msg_id;
    switch (event.msg_type) {
      case 'execute_reply':
        // Unlogged ones come ahead of the log, where the same reply may stand behind the cell's output.
        if (event.seq === 0) {
          this.#settleLater(msgId, event.content, event);
        } else {
          this.#cells.settle(msgId, event.content);
        }
        this.sink.changed();
        return;
      case 'status':
        // The kernel is done with the cell: a reply that could not be read will not come.
        if (event.content.execution_state === 'idle' && this.#cells.isOpen(msgId)) {
          this.#settleLater(msgId, LOST_REPLY);
        }
        if (event.content.execution_state === 'idle' && msgId === this.#callback) {
          this.#callback = '';
        }
        if (event.content.execution_state === 'busy' && event.content.comm_id !== undefined) {
          this.#callback = msgId;
        }
        this.#requests.answer(event); // of a comm's message whose `accepted` is no longer in the log
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

  /** Settles everything now and whatever is asked from now on. */
  end(reply: ExecuteReply, failure: SandboxError): void {
    this.#end = { reply, failure };
    clearTimeout(this.#asking);
    for (const { timer } of this.#fallbackReplies.values()) {
      clearTimeout(timer);
    }
    this.#fallbackReplies.clear();
    this.#outbox.clear();
    this.#cells.settleAll(reply);
    this.#requests.failAll(failure);
  }

  #refused(msgId: string, failure: SandboxError): void {
    this.log.warn(`the sandbox refused a command: ${failure.message}`);
    this.#outbox.withdraw(msgId);
    this.#cells.settle(msgId, replyOf(failure));
    this.#requests.fail(msgId, failure);
    this.sink.changed();
  }

  #settleLater(msgId: string, reply: ExecuteReply, event?: EventOf<'execute_reply'>): void {
    const known = this.#fallbackReplies.get(msgId);
    // one a cell, and none for what is not open; a reply that was told is better than the word that it was lost
    if (!this.#cells.isOpen(msgId) || (known !== undefined && reply === LOST_REPLY)) {
      return;
    }
    clearTimeout(known?.timer);
    const later: FallbackReply = {
      timer: setTimeout(() => {
        this.#settleNow(msgId, later);
      }, this.timing.lostReply).unref(),
      reply,
      event,
    };
    this.#fallbackReplies.set(msgId, later);
    if (this.#isPassed(later)) {
      this.#settleNow(msgId, later);
    }
  }

  /** The log was read beyond where this reply stood: it is not in there any more. */
  #isPassed({ event }: FallbackReply): boolean {
    return event !== undefined && event.t < this.#readTo;
  }

  #settleNow(msgId: string, { timer, reply, event }: FallbackReply): void {
    clearTimeout(timer);
    this.#fallbackReplies.delete(msgId);
    if (!this.#cells.isOpen(msgId)) {
      return;
    }
    const told = event && { ...event, content: withLine(event.content) };
    if (told) {
      this.sink.unheard(told);
    }
    this.#cells.settle(msgId, told?.content ?? reply);
    this.sink.changed();
  }

  /** Replies may have been in a gap of the log: the supervisor says again what it knows of an id. */
  #askAgain(): void {
    this.#gapSeen = false;
    for (const msgId of this.#cells.ids()) {
      const line = this.#cells.line(msgId);
      if (line !== undefined && !this.#outbox.has(msgId)) {
        this.sink.send(line);
      }
    }
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

/** What is remembered of a reply has no traceback: its last line can be said. */
function withLine(reply: ExecuteReply): ExecuteReply {
  const isBare =
    reply.status === 'error' && reply.failure === undefined && reply.traceback.length === 0 && reply.ename !== '';
  return isBare ? { ...reply, traceback: [`${reply.ename}: ${reply.evalue}`] } : reply;
}
