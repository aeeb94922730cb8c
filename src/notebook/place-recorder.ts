/** Milliseconds between two records, and between an event and the word that the document has it: VS Code gathers edits, and backs up what is dirty. */
const LAG = 2_000;

/** Says, now and then while events come, up to which the document surely shows them: never more than it does. */
export class PlaceRecorder {
  #timer: NodeJS.Timeout | undefined;
  #surely: number;

  /** @param seq what the document shows already */
  constructor(seq: number, private readonly place: () => number, private readonly record: (seq: number) => void) {
    this.#surely = seq;
    this.heard();
  }

  /** An event was shown. */
  heard(): void {
    if (this.#timer !== undefined || this.place() === this.#surely) { return; }
    const shown = this.place();
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#surely = shown;
      this.record(shown);
      this.heard();
    }, LAG);
  }

  /** What else there is to remember has changed. */
  again(): void { this.record(this.#surely); }

  stop(): void { clearTimeout(this.#timer); }
}
