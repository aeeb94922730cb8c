import type { Log } from '../log';
import { asSandboxError } from './failures';

/** Milliseconds: between two messages at least, and at most. */
const MIN_INTERVAL_MS = 200;
const MAX_INTERVAL_MS = 20_000;
/** Characters that a cell gets of one install. */
const MAX_OUTPUT_CHARACTERS = 256 * 1024;

/** pip's lines on their way to the cell that waits: few messages, a bounded text, a sign of life when pip says nothing. */
export class InstallOutput {
  #text = '';
  #total = 0;
  #sending: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  readonly #heart = setInterval(() => {
    this.#flush();
  }, MAX_INTERVAL_MS).unref();

  constructor(
    private readonly send: (text: string) => Promise<void>,
    private readonly log: Log,
  ) {
    this.#flush();
  }

  add(line: string): void {
    if (this.#total > MAX_OUTPUT_CHARACTERS) {
      return;
    }
    this.#total += line.length + 1;
    this.#text += this.#total > MAX_OUTPUT_CHARACTERS ? '…\n' : `${line}\n`;
    this.#timer ??= setTimeout(() => {
      this.#flush();
    }, MIN_INTERVAL_MS);
  }

  /** Sends the rest; nothing goes out afterwards. */
  async end(): Promise<void> {
    clearInterval(this.#heart);
    await this.#sending;
    if (this.#text !== '') {
      this.#flush();
    }
    clearTimeout(this.#timer);
    await this.#sending;
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#sending) {
      return;
    } // what has come meanwhile goes with the next one
    const text = this.#text;
    this.#text = '';
    this.#sending = this.send(text)
      .catch((error: unknown) => {
        this.log.debug(`lines of pip were lost: ${asSandboxError(error).message}`);
      })
      .then(() => {
        this.#sending = undefined;
        if (this.#text !== '') {
          this.#timer ??= setTimeout(() => {
            this.#flush();
          }, MIN_INTERVAL_MS);
        }
      });
  }
}
