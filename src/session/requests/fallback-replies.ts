import type { EventOf, ExecuteReply } from '../../protocol/messages';
import type { Cells } from './cells';
import { replyOf } from '../failures';

/** The reply of a cell whose own reply cannot be obtained. */
export const LOST_REPLY = replyOf({ code: 'ProtocolViolation', params: { reason: 'the reply was lost' } });

/** A reply that is used if the log brings none. `event` is the supervisor's unlogged reply, which comes out of order. */
interface FallbackReply {
  timer: NodeJS.Timeout;
  reply: ExecuteReply;
  event: EventOf<'execute_reply'> | undefined;
}

/**
 * Replies for cells that have ended, in case that the log does not bring the replies itself. Each waits until the log has been read beyond
 * the time of the reply, or brings nothing for a while.
 */
export class FallbackReplies {
  readonly #replies = new Map<string, FallbackReply>();
  /** The time up to which the log has been read, in seconds of the supervisor's clock. */
  #readTo = -Infinity;

  /**
   * @param patience milliseconds without an event of the log after which a reply is used
   * @param use ends an open cell with this reply; `event` is set if the supervisor sent the reply
   */
  constructor(
    private readonly cells: Pick<Cells, 'isOpen'>,
    private readonly patience: number,
    private readonly use: (msgId: string, reply: ExecuteReply, event: EventOf<'execute_reply'> | undefined) => void,
  ) {}

  /** Call when the supervisor has sent a reply outside the log, which may still bring the same reply after the cell's output. */
  unlogged(event: EventOf<'execute_reply'>): void {
    this.#add(event.parent_header.msg_id, event.content, event);
  }

  /** Call when a kernel has finished a cell: a reply that could not be read will not come again. */
  finished(msgId: string): void {
    this.#add(msgId, LOST_REPLY);
  }

  /** Call with the time of each event of the log, in seconds of the supervisor's clock. */
  read(t: number): void {
    this.#readTo = Math.max(this.#readTo, t);
    for (const [msgId, fallback] of this.#replies) {
      if (this.#isPassed(fallback)) {
        this.#use(msgId, fallback);
      } else {
        fallback.timer.refresh();
      }
    }
  }

  clear(): void {
    for (const { timer } of this.#replies.values()) {
      clearTimeout(timer);
    }
    this.#replies.clear();
  }

  #add(msgId: string, reply: ExecuteReply, event?: EventOf<'execute_reply'>): void {
    const known = this.#replies.get(msgId);
    // one for each open cell; a known reply is better than the report that the reply was lost
    if (!this.cells.isOpen(msgId) || (known !== undefined && reply === LOST_REPLY)) {
      return;
    }
    clearTimeout(known?.timer);
    const fallback: FallbackReply = {
      timer: setTimeout(() => {
        this.#use(msgId, fallback);
      }, this.patience).unref(),
      reply,
      event,
    };
    this.#replies.set(msgId, fallback);
    if (this.#isPassed(fallback)) {
      this.#use(msgId, fallback);
    }
  }

  /** Whether the log has been read beyond the time of this reply, which therefore is not in the log. */
  #isPassed({ event }: FallbackReply): boolean {
    return event !== undefined && event.t < this.#readTo;
  }

  #use(msgId: string, { timer, reply, event }: FallbackReply): void {
    clearTimeout(timer);
    this.#replies.delete(msgId);
    if (!this.cells.isOpen(msgId)) {
      return;
    }
    const unlogged = event && { ...event, content: withTraceback(event.content) };
    this.use(msgId, unlogged?.content ?? reply, unlogged);
  }
}

/** The supervisor remembers replies without their tracebacks. This restores the last line of the traceback. */
function withTraceback(reply: ExecuteReply): ExecuteReply {
  const isBare =
    reply.status === 'error' && reply.failure === undefined && reply.traceback.length === 0 && reply.ename !== '';
  return isBare ? { ...reply, traceback: [`${reply.ename}: ${reply.evalue}`] } : reply;
}
