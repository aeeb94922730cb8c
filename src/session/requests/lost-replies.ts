import type { Cells } from './cells';
import type { Outbox } from '../stream/outbox';

/** Delay between a gap and the request for lost replies. It doubles each time that only seqs are missing, up to the maximum. */
const MIN_DELAY_MS = 100;
const MAX_DELAY_MS = 5_000;
/** Above this number of unsent bytes no command is sent again: a sandbox that causes gaps and reads nothing must not fill our memory. */
const MAX_UNSENT_BYTES = 1024 * 1024;

/**
 * Gets replies that may have been in a gap of the log: it sends the open cells again, and the supervisor answers an id that it knows with
 * the cell's reply.
 */
export class LostReplies {
  #gapSeen = false;
  #delay = MIN_DELAY_MS;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly cells: Pick<Cells, 'ids' | 'line'>,
    private readonly outbox: Pick<Outbox, 'has' | 'isOpen'>,
    private readonly stream: { send(line: string): boolean; unsent(): number },
  ) {}

  /** Call when a stream has replayed the log up to its hello. */
  attached(): void {
    this.#delay = MIN_DELAY_MS;
    if (this.#gapSeen) {
      this.#ask();
    }
  }

  /** Call when the sandbox has reported a gap in its log. */
  gap(): void {
    this.#delay = MIN_DELAY_MS;
    this.missed();
  }

  /** Call when events of the log are missing: replies may be among them. */
  missed(): void {
    this.#gapSeen = true;
    // at most once per delay, because a sandbox that alters its log may cause many gaps
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (!this.#gapSeen || !this.outbox.isOpen) {
        return;
      }
      if (this.stream.unsent() > MAX_UNSENT_BYTES) {
        this.missed();
      } else {
        this.#ask();
      }
      this.#delay = Math.min(2 * this.#delay, MAX_DELAY_MS);
    }, this.#delay).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #ask(): void {
    this.#gapSeen = false;
    for (const msgId of this.cells.ids()) {
      const line = this.cells.line(msgId);
      if (line !== undefined && !this.outbox.has(msgId)) {
        this.stream.send(line);
      }
    }
  }
}
