import type { SandboxEvent } from '../../protocol/messages';

/**
 * Milliseconds without a change after which what the document shows is surely kept: VS Code backs up what is dirty a second
 * or two after its *last* change, so never while output flows.
 */
const QUIET_MS = 3_000;

/** Says up to which event the document surely keeps what it shows, over a reload and a crash: never more than it does. */
export class PlaceRecorder {
  #timer: NodeJS.Timeout | undefined;
  #savedSeq: number;

  /** @param seq what the document keeps already */
  constructor(
    seq: number,
    private readonly place: () => number,
    private readonly record: (seq: number) => void,
    private readonly quietMs = QUIET_MS,
  ) {
    this.#savedSeq = seq;
    this.changed();
  }

  /** An event was shown, or the document has changed otherwise. */
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

  /** What else there is to remember has changed. */
  recordNow(): void {
    this.record(this.#savedSeq);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

/** A cell is known to the sandbox now, or has ended: who comes later must know which ones had not. */
export const changesOpenCells = ({ msg_type: type, content }: SandboxEvent): boolean =>
  (type === 'accepted' && content.msg_type === 'execute_request') ||
  (type === 'status' && content.execution_state === 'idle' && content.comm_id === undefined);
