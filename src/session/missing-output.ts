import type { ExecuteReply, Failure, SandboxEvent } from '../protocol/messages';

/**
 * Which cells lack output that is no longer in the log, and where: each says it once, before what is there of it behind the gap.
 * A gap says nothing of what was in it, so whoever was open then is suspected until the log, or a reply, shows that it had begun.
 */
export class MissingOutput {
  /** Bytes of the gaps in which a cell may have said something, by its msg_id. */
  readonly #suspects = new Map<string, number>();

  /** @param limit bytes that a log keeps */
  constructor(
    private readonly limit: number,
    private readonly tell: (msgId: string, notice: Failure) => void,
  ) {}

  /** The log lacks so many bytes, from a time when these cells were open. */
  gap(bytes: number, open: readonly string[]): void {
    for (const msgId of open) {
      this.#suspects.set(msgId, (this.#suspects.get(msgId) ?? 0) + bytes);
    }
  }

  /** With each event of the log, before anybody is told of it. */
  before(event: SandboxEvent): void {
    const msgId = event.parent_header.msg_id;
    if (!this.#suspects.has(msgId)) {
      return;
    }
    if (isBeginning(event)) {
      this.#suspects.delete(msgId);
    } // so all of it is behind the gap
    else if (event.msg_type === 'execute_reply') {
      this.ended(msgId, event.content);
    } else {
      this.ran(msgId);
    }
  }

  /** It has begun, and its beginning was not seen. False: it is not suspected. */
  ran(msgId: string): boolean {
    const bytes = this.#suspects.get(msgId);
    if (bytes === undefined) {
      return false;
    }
    this.#suspects.delete(msgId);
    this.tell(msgId, { code: 'OutputLost', params: { bytes, limit: this.limit } });
    return true;
  }

  ended(msgId: string, { status, execution_count: count }: ExecuteReply): void {
    if (status === 'aborted' && count === null) {
      this.#suspects.delete(msgId);
    } // it never ran
    else {
      this.ran(msgId);
    }
  }
}

const isBeginning = (event: SandboxEvent): boolean =>
  event.msg_type === 'accepted' ||
  event.msg_type === 'execute_input' ||
  (event.msg_type === 'status' && event.content.execution_state === 'busy');
