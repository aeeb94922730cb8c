import type { SandboxEvent } from '../../protocol/messages';

/**
 * Milliseconds without a change after which VS Code has certainly saved what the document shows. VS Code backs up a
 * dirty document a second or two after its *last* change, and so never while output flows.
 */
const QUIET_MS = 3_000;

/**
 * Records up to which event the document is certain to keep its content over a reload and a crash. The recorded place
 * may be too low, but never too high.
 */
export class PlaceRecorder {
  #timer: NodeJS.Timeout | undefined;
  #savedSeq: number;

  /** @param seq the last event whose output the document has already saved */
  constructor(
    seq: number,
    private readonly place: () => number,
    private readonly record: (seq: number) => void,
    private readonly quietMs = QUIET_MS,
  ) {
    this.#savedSeq = seq;
    this.changed();
  }

  /** An event was shown, or the document has changed in another way. */
  changed(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#savedSeq === this.place()) {
        return;
      }
      this.#savedSeq = this.place();
      this.record(this.#savedSeq);
    }, this.quietMs);
  }

  /** Writes the record at once, because something other than the place has changed. */
  recordNow(): void {
    this.record(this.#savedSeq);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

/**
 * Whether the event means that the sandbox has accepted a cell or that a cell has ended. The record lists the open
 * cells, because a later window has to know them.
 */
export const changesOpenCells = ({ msg_type: type, content }: SandboxEvent): boolean =>
  (type === 'accepted' && content.msg_type === 'execute_request') ||
  (type === 'status' && content.execution_state === 'idle' && content.comm_id === undefined);
