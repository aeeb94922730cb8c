import type { Log } from '../../log';
import type { EventOf, Failure, SandboxEvent } from '../../protocol/messages';
import { OutOfReachNotices } from './out-of-reach-notices';
import { KernelDeaths } from './kernel-deaths';
import { Listeners } from '../listeners';
import { MissingOutput } from './missing-output';
import type { OpenCell, SessionState } from '../types';
import type { PendingCommands } from '../requests/pending-commands';

/**
 * Publishes the events of the log in order, and the session's own notices, each for the cell and at the place in the log that it concerns.
 */
export class EventPublisher {
  readonly listeners: Listeners<SandboxEvent>;
  /** By kernel. Only kernels that have had an open cell are here. */
  readonly #outOfReach = new Map<string, OutOfReachNotices>();
  readonly #deaths = new KernelDeaths();
  readonly #missing: MissingOutput;

  /**
   * @param logBudget bytes
   * @param place gives the seq up to which the log has been read
   */
  constructor(
    logBudget: number,
    private readonly commands: Pick<PendingCommands, 'complain' | 'oldest' | 'openIds' | 'kernelOf'>,
    private readonly place: () => number,
    log: Log,
  ) {
    this.listeners = new Listeners(log);
    this.#missing = new MissingOutput(logBudget, (msgId, notice) => {
      this.#complain(msgId, notice);
    });
  }

  /** Publishes the next event of the log. */
  logged(event: SandboxEvent): void {
    this.#missing.before(event);
    const death = this.#deaths.hear(event);
    this.listeners.emit(event);
    if (death) {
      const { kernel, parent_header: parent } = event;
      this.listeners.emit(this.#event({ msg_type: 'notice', content: death }, { msgId: parent.msg_id, kernel }));
    }
  }

  /**
   * Call when the log was trimmed before a stream could bring it: cells that ran at that time lack output.
   * @param ended cells whose events, including their metadata, may be missing from the log
   */
  gap({ content: { bytes } }: EventOf<'gap'>, ended: readonly OpenCell[]): void {
    this.#missing.gap(bytes, this.commands.openIds);
    for (const cell of ended) {
      this.listeners.emit(
        this.#event({ msg_type: 'accepted', content: { msg_type: 'execute_request' } }, cell, cell.metadata),
      );
    }
  }

  /** Call when these cells are running and all their events in the log have been published. */
  runs(msgIds: readonly string[]): void {
    for (const msgId of msgIds) {
      this.#missing.ran(msgId);
    }
  }

  /** Publishes the reply of a cell that is missing from the log. */
  replyOutsideLog(reply: EventOf<'execute_reply'>): void {
    this.#missing.ended(reply.parent_header.msg_id, reply.content);
    this.listeners.emit({ ...reply, seq: this.place() });
  }

  /** Call when output of this command ('' = unknown) cannot be read. */
  unreadable(msgId: string, reason: string): void {
    if (this.#missing.ran(msgId)) {
      return;
    } // chunks whose beginning is in a gap are expected to be unreadable
    this.#complain(msgId, { code: 'ProtocolViolation', params: { problem: 'output', reason } });
  }

  /** Call when the session's state or the oldest open cell of a kernel has changed. */
  state(state: SessionState): void {
    const oldest = this.commands.oldest();
    for (const kernel of oldest.keys()) {
      if (!this.#outOfReach.has(kernel)) {
        this.#outOfReach.set(
          kernel,
          new OutOfReachNotices((msgId, notice) => {
            this.#notice(msgId, notice);
          }),
        );
      }
    }
    for (const [kernel, notices] of this.#outOfReach) {
      notices.update(state, oldest.get(kernel) ?? '');
    }
  }

  /** Reports that output of a cell is missing. Each cell reports it once, whatever the sandbox sends. */
  #complain(msgId: string, notice: Failure): void {
    if (this.commands.complain(msgId)) {
      this.#notice(msgId, notice);
    }
  }

  #notice(msgId: string, notice: Failure): void {
    this.listeners.emit(
      this.#event({ msg_type: 'notice', content: notice }, { msgId, kernel: this.commands.kernelOf(msgId) }),
    );
  }

  /** An event of our own, in the form of a logged event. */
  #event(
    what: Pick<EventOf<'notice'>, 'msg_type' | 'content'> | Pick<EventOf<'accepted'>, 'msg_type' | 'content'>,
    { msgId, kernel }: Pick<OpenCell, 'msgId' | 'kernel'>,
    metadata: SandboxEvent['metadata'] = {},
  ): SandboxEvent {
    return {
      seq: this.place(),
      kernel,
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
