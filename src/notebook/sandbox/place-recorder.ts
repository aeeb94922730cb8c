import type { SandboxEvent } from '../../protocol/messages';

/**
 * Milliseconds without a change after which what the document shows is surely kept: VS Code backs up what is dirty a second
 * or two after its *last* change, so never while output flows.
 */
const QUIET = 3_000;

/** Says up to which event the document surely keeps what it shows, over a reload and a crash: never more than it does. */
export class PlaceRecorder {
  #timer: NodeJS.Timeout | undefined;
  #surely: number;

  /** @param seq what the document keeps already */
  constructor(
    seq: number,
    private readonly place: () => number,
    private readonly record: (seq: number) => void,
    private readonly quiet = QUIET,
  ) {
    this.#surely = seq;
    this.changed();
  }

  /** An event was shown, or the document has changed otherwise. */
  changed(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#surely === this.place()) {
        return;
      }
      this.#surely = this.place();
      this.record(this.#surely);
    }, this.quiet);
  }

  /** What else there is to remember has changed. */
  again(): void {
    this.record(this.#surely);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}

/** A cell is known to the sandbox now, or has ended: who comes later must know which ones had not. */
export const changesOpenCells = ({ msg_type: type, content }: SandboxEvent): boolean =>
  (type === 'accepted' && content.msg_type === 'execute_request') ||
  (type === 'status' && content.execution_state === 'idle' && content.comm_id === undefined);
