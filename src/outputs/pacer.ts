/** Characters per millisecond of the outputs that are changed: VS Code goes through the whole of an output for each change of it. */
const CHARACTERS_PER_MS = 20_000;

/**
 * Lets outputs be changed as often as VS Code can take it: at once while they are small, and the more rarely the longer they are.
 * Of what changes meanwhile only the last state is sent, so that the work is bounded whatever a cell prints.
 */
export class Pacer<Output> {
  /** In the order in which they were asked for. */
  readonly #waiting = new Set<Output>();
  #timer: NodeJS.Timeout | undefined;
  /** By `performance.now()`. */
  #notBefore = 0;

  /** @param send sends an output's last state; returns how many characters VS Code goes through for it */
  constructor(private readonly send: (output: Output) => number) {}

  /** Sends it now, or as soon as there is time for it. */
  ask(output: Output): void {
    this.#waiting.add(output);
    if (this.#timer === undefined) { this.#sendWhatIsDue(); }
  }

  /** Sends it at once, whether it waits or not; what is sent later waits for that. Returns how many characters VS Code goes through for it. */
  sendNow(output: Output): number {
    this.#waiting.delete(output);
    const characters = this.send(output);
    this.#notBefore = Math.max(this.#notBefore, performance.now()) + characters / CHARACTERS_PER_MS;
    return characters;
  }

  #sendWhatIsDue(): void {
    for (const output of this.#waiting) {
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
