import { command } from '../../protocol/encode';
import { SandboxError } from '../../protocol/errors';
import { PROTOCOL_VERSION, type Command, type EventContents, type EventOf } from '../../protocol/messages';
import type { Follower } from './follower';
import { sleep, type Timing } from '../time';
import type { AttachedCell, OpenCell } from '../types';
import type { PendingCommands } from '../requests/pending-commands';

/** Which host a session attaches as, and what it knows about the sandbox that it attaches to. */
export interface AttachmentOptions {
  host: string;
  /** Disconnects another host that is the writer. */
  takeOver: boolean;
  /** Boot id of the expected supervisor; '' accepts any supervisor; undefined means that the sandbox is new. */
  boot: string | undefined;
  /** Cells that the previous host left without a reply. */
  open: readonly OpenCell[];
}

/**
 * The phase of a stream between its hello and the end of the replay that the hello announced. The replay of the first stream marks
 * the point in the log at which the session begins.
 */
export class Attachment {
  /** Cells that had no reply at the first hello. */
  cells: readonly AttachedCell[] = [];
  /** Last seq of the log at the first hello. An earlier host may have answered the requests up to it. */
  #firstHelloEnd = 0;
  #openRequests: readonly string[] = [];
  /** True until the sandbox has confirmed with a hello that this host is the writer. */
  #taking: boolean;
  /**
   * Cells that finished while no host was attached. Their replies come from the log or, where the log was trimmed, from the supervisor.
   */
  #orphaned: AttachedCell[] = [];
  /** Runs from a hello until its replay is complete. */
  #replaying: NodeJS.Timeout | undefined;
  /** The cells that ran at the last hello, one of each kernel that ran any. */
  #running: readonly string[] = [];

  /** @param attached called when the replay is complete; `running` are the cells that were running at the hello */
  constructor(
    private readonly options: AttachmentOptions,
    private readonly follower: Follower,
    private readonly commands: PendingCommands,
    private readonly timing: Timing,
    private readonly attached: (running: readonly string[]) => void,
  ) {
    this.#taking = options.takeOver;
  }

  get isReplaying(): boolean {
    return this.#replaying !== undefined;
  }

  /** The command that opens a stream. */
  request(): Command<'follow_request'> {
    return command('follow_request', {
      ...this.follower.place,
      writer: true,
      host: this.options.host,
      take_over: this.#taking,
    });
  }

  /** @returns why this sandbox is not the expected one; undefined if it is */
  hello(content: EventContents['hello']): SandboxError | undefined {
    const { boot } = this.options;
    if (content.protocol !== PROTOCOL_VERSION) {
      return new SandboxError('ProtocolViolation', {
        reason: 'protocol',
        expected: PROTOCOL_VERSION,
        found: content.protocol,
      });
    }
    const isFirst = this.follower.place.boot === '';
    if (!this.follower.hello(content) || (boot !== undefined && !['', content.boot].includes(boot))) {
      return new SandboxError('SandboxGone', { reason: 'restarted' });
    }
    this.#taking = false;
    this.#running = Object.values(content.kernels).flatMap(({ msg_id: msgId }) => (msgId === '' ? [] : [msgId]));
    if (isFirst && boot !== undefined) {
      this.#adopt(content);
    }
    this.#replaying = setTimeout(() => {
      this.commands.missed();
      this.#end();
    }, this.timing.replay);
    if (this.follower.caughtUp) {
      this.#end();
    }
    return undefined;
  }

  /** Call after each line of a stream. @param after the seq before that line; a pong does not change it and is no progress */
  progressed(after: number): void {
    if (!this.#replaying) {
      return;
    }
    if (this.follower.caughtUp) {
      this.#end();
    } else if (this.follower.place.after !== after) {
      this.#replaying.refresh();
    }
  }

  /** Whether no earlier host has answered this request. */
  isUnanswered({ seq, content: { request } }: EventOf<'install_request'>): boolean {
    return seq > this.#firstHelloEnd || this.#openRequests.includes(request);
  }

  /** The orphaned cells that still have no reply. A gap in the log may hide which cells they are and how they ended. */
  lost(): OpenCell[] {
    return this.#orphaned.filter(({ msgId }) => this.commands.isOpen(msgId));
  }

  /** Resolves when every orphaned cell has a reply, or when none has come within the deadline. Never rejects. */
  async settled(): Promise<void> {
    if (this.lost().length === 0) {
      return;
    }
    const enough = new AbortController();
    await Promise.race([
      Promise.all(this.#orphaned.map(({ reply }) => reply)),
      sleep(this.timing.lostReply + this.timing.replay, enough.signal),
    ]);
    enough.abort();
    for (const { msgId } of this.lost()) {
      this.commands.giveUp(msgId);
    }
  }

  stop(): void {
    clearTimeout(this.#replaying);
    this.#replaying = undefined;
  }

  #end(): void {
    this.stop();
    if (this.lost().length > 0) {
      this.commands.missed();
    }
    this.attached(this.#running);
  }

  #adopt({ last, kernels }: EventContents['hello']): void {
    this.#firstHelloEnd = last;
    this.#openRequests = Object.values(kernels).flatMap(({ requests }) => requests);
    const adopt = (cell: OpenCell, requests: readonly string[] = []): AttachedCell => ({
      ...this.commands.adopt(cell),
      metadata: cell.metadata,
      requests,
    });
    this.cells = Object.entries(kernels).flatMap(([kernel, { msg_id: running, requests, cells }]) =>
      cells.map(({ msg_id: msgId, metadata }) =>
        adopt({ msgId, kernel, metadata }, msgId === running ? requests : undefined),
      ),
    );
    const isOpen = new Set(this.cells.map(({ msgId }) => msgId));
    this.#orphaned = this.options.open.filter(({ msgId }) => !isOpen.has(msgId)).map((cell) => adopt(cell));
  }
}
