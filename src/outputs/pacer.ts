/** Characters per millisecond of the outputs that are changed: VS Code goes through the whole of an output for each change of it. */
const CHARACTERS_PER_MS = 20_000;
/** Milliseconds after which a change that VS Code has not confirmed holds up no other, and that a slow confirmation is answered with at most. */
const UNCONFIRMED_MS = 5_000;
const LONGEST_PAUSE_MS = 500;

/** A change that VS Code was sent. */
export interface Sent {
  /** That VS Code goes through for it. */
  readonly characters: number;
  /** Resolves when VS Code has confirmed the change, or refused it; never rejects. */
  readonly confirmed: Promise<void>;
}

/**
 * Lets outputs be changed as often as VS Code can take it: at once while it keeps up, and the more rarely the longer the outputs are and the
 * slower it is. A change waits until the one before is confirmed, and then for as long again as that has taken. Of what changes meanwhile
 * only the last state is sent, so that the work is bounded whatever a cell prints, and a slow window is sent less and not more.
 */
export class Pacer<Output> {
  /** In the order in which they were asked for. */
  readonly #waiting = new Set<Output>();
  /** Changes that VS Code has not confirmed. */
  readonly #unconfirmed = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  /** By `performance.now()`. */
  #notBefore = 0;

  /** @param send sends an output's last state; undefined if VS Code has it already */
  constructor(
    private readonly send: (output: Output) => Sent | undefined,
    private readonly deadline = UNCONFIRMED_MS,
  ) {}

  /** Sends it now, or as soon as there is time for it. */
  ask(output: Output): void {
    this.#waiting.add(output);
    this.#sendWhatIsDue();
  }

  /** Sends it at once, whether it waits or not; what is sent later waits for that. Returns how many characters VS Code goes through for it. */
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
      this.#over(confirmed, began);
    }, this.deadline);
    void confirmed.then(() => {
      clearTimeout(late);
      this.#over(confirmed, began);
    });
    return characters;
  }

  /** A change is confirmed, or is waited for no longer. */
  #over(change: Promise<void>, began: number): void {
    if (!this.#unconfirmed.delete(change)) {
      return;
    }
    const now = performance.now();
    this.#notBefore = Math.max(this.#notBefore, now + Math.min(now - began, LONGEST_PAUSE_MS));
    this.#sendWhatIsDue();
  }

  #sendWhatIsDue(): void {
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
          this.#sendWhatIsDue();
        }, wait);
        return;
      }
      this.sendNow(output);
    }
  }
}
