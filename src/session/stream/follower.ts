import type { Log } from '../../log';
import { ChunkAssembler } from '../../protocol/chunks';
import { decodeAssembled, type Decoded } from '../../protocol/decode';
import {
  QUERY_ANSWER,
  type EventContents,
  type EventOf,
  type EventType,
  type SandboxEvent,
} from '../../protocol/messages';

export interface FollowerSink {
  /** Called once for each logged event or gap, in the order of the log. */
  logged(event: SandboxEvent): void;
  /** An event for this host alone, which is not in the log. */
  unlogged(event: SandboxEvent): void;
  /** Seqs are missing without a gap event: comm messages were folded, or the log was altered. */
  hole(): void;
  /** A line could not be read. It seems to belong to this command ('' = to none). */
  unreadable(msgId: string, reason: string): void;
}

const UNLOGGED: ReadonlySet<EventType> = new Set<EventType>([
  'hello',
  'pong',
  'refused',
  'comm_gap',
  ...Object.values(QUERY_ANSWER),
  'accepted',
  'execute_reply',
]);
/** Maximum distance that a seq may be ahead. A larger one is dishonest, and accepting it would make all later events look old. */
const MAX_SEQ_JUMP = 10_000_000;

/** Tracks a host's place in the log of one sandbox, and passes on the events of any number of streams once each and in order. */
export class Follower {
  #boot = '';
  #last = 0;
  /** The last seq of the log at the last hello. */
  #target = 0;
  #unreadable = 0;
  readonly #chunks: ChunkAssembler;

  constructor(
    private readonly sink: FollowerSink,
    private readonly log: Log,
    maxMessage: number,
  ) {
    this.#chunks = new ChunkAssembler(maxMessage);
  }

  get place(): { after: number; boot: string } {
    return { after: this.#last, boot: this.#boot };
  }

  /** Whether the replay has reached the last seq of the hello. */
  get caughtUp(): boolean {
    return this.#last >= this.#target;
  }

  /** False if the hello comes from another supervisor, in whose log this place has no meaning. */
  hello(content: EventContents['hello']): boolean {
    if (this.#boot !== '' && content.boot !== this.#boot) {
      return false;
    }
    this.#boot = content.boot;
    this.#target = content.last;
    return true;
  }

  receive(decoded: Decoded): void {
    switch (decoded.kind) {
      case 'event':
        if (decoded.event.msg_type === 'gap') {
          this.#gap(decoded.event);
        } else if (decoded.event.seq > 0) {
          if (this.#advance(decoded.event.seq)) {
            this.sink.logged(decoded.event);
          }
        } else if (UNLOGGED.has(decoded.event.msg_type)) {
          this.sink.unlogged(decoded.event);
        } else {
          this.#bad(decoded.event.parent_header.msg_id, 'an event without a place in the log');
        }
        return;
      case 'chunk': {
        const { place, msgId, chunk } = decoded;
        if (!this.#advance(place.seq)) {
          return;
        }
        const assembled = this.#chunks.add(`${place.kernel}/${place.gen}/${chunk.id}`, chunk);
        if (assembled.kind === 'dropped') {
          this.#bad(msgId, assembled.reason);
        }
        if (assembled.kind === 'complete') {
          this.#passOn(decodeAssembled(place, assembled.json));
        }
        return;
      }
      case 'unknown':
        if (this.#advance(decoded.seq)) {
          this.#bad('', 'an unknown type');
        }
        return;
      case 'invalid':
        if (decoded.seq === 0 || this.#advance(decoded.seq)) {
          this.#bad(decoded.msgId, decoded.reason);
        }
        return;
      case 'garbage':
        this.#bad('', 'no JSON');
    }
  }

  tooLong(bytes: number): void {
    this.#bad('', `a line of ${bytes} bytes`);
  }

  #passOn(decoded: Decoded): void {
    if (decoded.kind === 'event' && !UNLOGGED_ONLY.has(decoded.event.msg_type)) {
      this.sink.logged(decoded.event);
    } else if (decoded.kind === 'invalid') {
      this.#bad(decoded.msgId, decoded.reason);
    } else {
      this.#bad('', 'an assembled message of no known type');
    }
  }

  #gap(event: EventOf<'gap'>): void {
    const { to } = event.content;
    if (to <= this.#last || this.#isOutOfReach(to)) {
      return;
    }
    this.#last = to;
    this.#chunks.clear();
    this.#bad('', `events up to ${to} are no longer in the log`);
    this.sink.logged(event);
  }

  #advance(seq: number): boolean {
    if (seq <= this.#last) {
      return false;
    } // a replayed event, or two streams overlap
    if (this.#isOutOfReach(seq)) {
      this.#bad('', 'a seq out of reach');
      return false;
    }
    const hole = seq > this.#last + 1;
    this.#last = seq;
    if (hole) {
      this.sink.hole();
    }
    return true;
  }

  /** Whether a seq is too far ahead of this place or, where the log has grown further, of the log's end at the hello. */
  #isOutOfReach(seq: number): boolean {
    return seq > Math.max(this.#last, this.#target) + MAX_SEQ_JUMP;
  }

  /** Reports an unreadable line. Only the 1st, 2nd, 4th, 8th … are logged, so that a sandbox cannot fill the log of the host. */
  #bad(msgId: string, reason: string): void {
    this.#unreadable += 1;
    if (Number.isInteger(Math.log2(this.#unreadable))) {
      this.log.warn(`unreadable (${this.#unreadable} so far): ${reason}`);
    }
    this.sink.unreadable(msgId, reason);
  }
}

/** Types that are refused when they come in chunks, because they describe the state of the log itself. */
const UNLOGGED_ONLY: ReadonlySet<EventType> = new Set<EventType>(['hello', 'pong', 'gap', 'comm_gap']);
