import { command } from '../protocol/encode';
import { SandboxError } from '../protocol/errors';
import { MAIN_KERNEL, PROTOCOL_VERSION, type Command, type EventContents, type EventOf } from '../protocol/messages';
import type { Follower } from './follower';
import { sleep, type Timing } from './time';
import type { AttachedCell, OpenCell } from './types';
import type { PendingCommands } from './pending-commands';

/** Whose place a session takes, and what it knows of the sandbox that it finds. */
export interface AttachmentOptions {
  host: string;
  /** Ends another host that writes. */
  takeOver: boolean;
  /** The supervisor that is meant; '' = whichever runs there; undefined: the sandbox is a new one. */
  boot: string | undefined;
  /** What the host before has left open. */
  open: readonly OpenCell[];
}

/** From a stream's hello to the moment at which the log has been told up to there; the first one is where a session begins. */
export class Attachment {
  /** What was open at the first hello. */
  cells: readonly AttachedCell[] = [];
  /** The log's end at the first hello: what is asked up to there may have been answered to an earlier host. */
  #firstHelloEnd = 0;
  #openRequests: readonly string[] = [];
  /** Until the sandbox has said that the place is ours. */
  #taking: boolean;
  /** Cells of the host before that have ended without it: how, the log says, or, where it was trimmed, the supervisor. */
  #orphaned: AttachedCell[] = [];
  /** Set while a hello's promise of a replay is not fulfilled yet. */
  #replaying: NodeJS.Timeout | undefined;
  /** The cell that ran at the last hello. */
  #running = '';

  /** @param attached the log was told up to the hello, of which `running` was the running cell */
  constructor(
    private readonly options: AttachmentOptions,
    private readonly follower: Follower,
    private readonly commands: PendingCommands,
    private readonly timing: Timing,
    private readonly attached: (running: string) => void,
  ) {
    this.#taking = options.takeOver;
  }

  get isReplaying(): boolean {
    return this.#replaying !== undefined;
  }

  /** The first line of a stream. */
  request(): Command<'follow_request'> {
    return command('follow_request', {
      ...this.follower.place,
      writer: true,
      host: this.options.host,
      take_over: this.#taking,
    });
  }

  /** @returns why this sandbox is not the one that is meant */
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
    this.#running = content.kernels[MAIN_KERNEL]?.msg_id ?? '';
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

  /** After each line of a stream. @param after the place before it: a pong is no progress */
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

  /** Not answered to an earlier host. */
  isUnanswered({ seq, content: { request } }: EventOf<'install_request'>): boolean {
    return seq > this.#firstHelloEnd || this.#openRequests.includes(request);
  }

  /** What of the cells that have ended meanwhile a gap may hide: whose they are. */
  lost(): OpenCell[] {
    return this.#orphaned.filter(({ msgId }) => this.commands.isOpen(msgId));
  }

  /** Resolves when it is known how the cells of the host before have ended, or nobody says so. Never rejects. */
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
    const { requests = [], cells = [] } = kernels[MAIN_KERNEL] ?? {};
    this.#openRequests = requests;
    const adopt = ({ msgId, metadata }: OpenCell): AttachedCell => ({
      ...this.commands.adopt(msgId, metadata),
      metadata,
      requests: msgId === this.#running ? requests : [],
    });
    this.cells = cells.map(({ msg_id: msgId, metadata }) => adopt({ msgId, metadata }));
    const isOpen = new Set(cells.map(({ msg_id: msgId }) => msgId));
    this.#orphaned = this.options.open.filter(({ msgId }) => !isOpen.has(msgId)).map(adopt);
  }
}
