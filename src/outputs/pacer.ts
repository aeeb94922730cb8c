/** VS Code processes the whole of an output for each change; this is the assumed rate in UTF-16 units. */
const CHARACTERS_PER_MS = 20_000;
/** Time after which a change that VS Code has not confirmed no longer delays other changes. */
const UNCONFIRMED_MS = 5_000;
/** Maximum pause after a slow confirmation. */
const MAX_PAUSE_MS = 500;

/** A change that was sent to VS Code. */
export interface Sent {
  /** UTF-16 units that VS Code processes for the change. */
  readonly characters: number;
  /** Resolves when VS Code has confirmed or refused the change; never rejects. */
  readonly confirmed: Promise<void>;
}

/**
 * Limits how often outputs are changed to what VS Code can process: at once while it keeps up, and less often the longer the outputs are and
 * the slower it is. A change waits until the previous change is confirmed, and then as long again as the confirmation has taken. Of the
 * changes that happen meanwhile only the last state is sent, so that the work is bounded whatever a cell prints, and a slow window gets
 * fewer changes.
 */
export class Pacer<Output> {
  /** The outputs that wait, in the order of their requests. */
  readonly #waiting = new Set<Output>();
  /** Changes that VS Code has not confirmed. */
  readonly #unconfirmed = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  /** The earliest time for the next change, by `performance.now()`. */
  #notBefore = 0;

  /** @param send sends the last state of an output; returns undefined if VS Code has that state already */
  constructor(
    private readonly send: (output: Output) => Sent | undefined,
    private readonly deadline = UNCONFIRMED_MS,
  ) {}

  /** Sends the output now, or as soon as the rate allows it. */
  ask(output: Output): void {
    this.#waiting.add(output);
    this.#sendDue();
  }

  /**
   * Sends the output at once, whether it waits or not; later changes wait for this one. Returns the number of UTF-16 units that VS Code
   * processes for it.
   */
  sendNow(output: Output): number {
    this.#waiting.delete(output);
    const sent = this.send(output);
    if (sent === undefined) {
      return 0;
    }
    const { characters, confirmed } = sent;
    const began = performance.now();
    this.#notBefore = Math.max(this.#notBefore, began) + characters / CHARACTERS_PER_MS;
    this.#unconfirmed.add(confirmed);
    const late = setTimeout(() => {
      this.#settle(confirmed, began);
    }, this.deadline);
    void confirmed.then(() => {
      clearTimeout(late);
      this.#settle(confirmed, began);
    });
    return characters;
  }

  /** Called when a change is confirmed or its time is over. */
  #settle(change: Promise<void>, began: number): void {
    if (!this.#unconfirmed.delete(change)) {
      return;
    }
    const now = performance.now();
    this.#notBefore = Math.max(this.#notBefore, now + Math.min(now - began, MAX_PAUSE_MS));
    this.#sendDue();
  }

  #sendDue(): void {
    if (this.#timer !== undefined) {
      return;
    }
    for (const output of this.#waiting) {
      if (this.#unconfirmed.size > 0) {
        return;
      }
      const wait = this.#notBefore - performance.now();
      if (wait > 0) {
        this.#timer = setTimeout(() => {
          this.#timer = undefined;
          this.#sendDue();
        }, wait);
        return;
      }
      this.sendNow(output);
    }
  }
}
