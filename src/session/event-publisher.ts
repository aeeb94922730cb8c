import type { Log } from '../log';
import { MAIN_KERNEL, type EventOf, type Failure, type SandboxEvent } from '../protocol/messages';
import { OutOfReachNotices } from './out-of-reach-notices';
import { KernelDeaths } from './kernel-deaths';
import { Listeners } from './listeners';
import { MissingOutput } from './missing-output';
import type { OpenCell, SessionState } from './types';
import type { PendingCommands } from './pending-commands';

/** What listeners are told: the events of the log in its order, and our own notices, each in the cell and at the place that it is about. */
export class EventPublisher {
  readonly listeners: Listeners<SandboxEvent>;
  readonly #outOfReach = new OutOfReachNotices((msgId, notice) => {
    this.#notice(msgId, notice);
  });
  readonly #deaths = new KernelDeaths();
  readonly #missing: MissingOutput;

  /**
   * @param logBudget bytes
   * @param place where the log has been read to
   */
  constructor(
    logBudget: number,
    private readonly commands: Pick<PendingCommands, 'complain' | 'oldest' | 'openIds'>,
    private readonly place: () => number,
    log: Log,
  ) {
    this.listeners = new Listeners(log);
    this.#missing = new MissingOutput(logBudget, (msgId, notice) => {
      this.#complain(msgId, notice);
    });
  }

  /** The next event of the log. */
  logged(event: SandboxEvent): void {
    this.#missing.before(event);
    const death = this.#deaths.hear(event);
    this.listeners.emit(event);
    if (death) {
      this.#notice(event.parent_header.msg_id, death);
    }
  }

  /**
   * The log was trimmed while no stream brought it: what ran then lacks output.
   * @param ended cells that the log may not speak of any more, nor say whose they are
   */
  gap({ content: { bytes } }: EventOf<'gap'>, ended: readonly OpenCell[]): void {
    this.#missing.gap(bytes, this.commands.openIds);
    for (const cell of ended) {
      this.listeners.emit(
        this.#event({ msg_type: 'accepted', content: { msg_type: 'execute_request' } }, cell.msgId, cell.metadata),
      );
    }
  }

  /** This cell runs, and all that the log has of it was told. */
  runs(msgId: string): void {
    this.#missing.ran(msgId);
  }

  /** A cell ended so, and the log does not say it. */
  unheard(reply: EventOf<'execute_reply'>): void {
    this.#missing.ended(reply.parent_header.msg_id, reply.content);
    this.listeners.emit({ ...reply, seq: this.place() });
  }

  /** Output of this command ('' = not known which) cannot be told. */
  unreadable(msgId: string, reason: string): void {
    if (this.#missing.ran(msgId)) {
      return;
    } // pieces whose beginning lies in a gap are no wonder
    this.#complain(msgId, { code: 'ProtocolViolation', params: { problem: 'output', reason } });
  }

  /** The session is in this state now, or another cell is the oldest. */
  state(state: SessionState): void {
    this.#outOfReach.update(state, this.commands.oldest);
  }

  /** Output is missing from a cell: its reader must know. Said once a cell, whatever the sandbox sends. */
  #complain(msgId: string, notice: Failure): void {
    if (this.commands.complain(msgId)) {
      this.#notice(msgId, notice);
    }
  }

  #notice(msgId: string, notice: Failure): void {
    this.listeners.emit(this.#event({ msg_type: 'notice', content: notice }, msgId));
  }

  /** One of our own, as if it stood in the log. */
  #event(
    what: Pick<EventOf<'notice'>, 'msg_type' | 'content'> | Pick<EventOf<'accepted'>, 'msg_type' | 'content'>,
    msgId: string,
    metadata: SandboxEvent['metadata'] = {},
  ): SandboxEvent {
    return {
      seq: this.place(),
      kernel: MAIN_KERNEL,
      gen: 0,
      t: 0,
      channel: 'iopub',
      parent_header: { msg_id: msgId },
      metadata,
      buffers: [],
      ...what,
    };
  }
}
