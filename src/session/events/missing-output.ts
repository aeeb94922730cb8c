import type { ExecuteReply, Failure, SandboxEvent } from '../../protocol/messages';

/**
 * Finds the cells whose output is partly no longer in the log. Each cell reports it once, before its output that follows the gap.
 * A gap does not tell what was in it, so every cell that was open then is a suspect until the log or a reply shows whether it had started.
 */
export class MissingOutput {
  /** Bytes of the gaps in which a cell may have had output, by its msg_id. */
  readonly #suspects = new Map<string, number>();

  /** @param limit budget of the log in bytes */
  constructor(
    private readonly limit: number,
    private readonly tell: (msgId: string, notice: Failure) => void,
  ) {}

  /** Call when the log lacks this many bytes from a time when these cells were open. */
  gap(bytes: number, open: readonly string[]): void {
    for (const msgId of open) {
      this.#suspects.set(msgId, (this.#suspects.get(msgId) ?? 0) + bytes);
    }
  }

  /** Call with each event of the log before its listeners get it. */
  before(event: SandboxEvent): void {
    const msgId = event.parent_header.msg_id;
    if (!this.#suspects.has(msgId)) {
      return;
    }
    if (isBeginning(event)) {
      this.#suspects.delete(msgId);
    } // all output of the cell follows the gap
    else if (event.msg_type === 'execute_reply') {
      this.ended(msgId, event.content);
    } else {
      this.ran(msgId);
    }
  }

  /** Call when a cell is known to have started before the end of the gap. False if the cell is not a suspect. */
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
