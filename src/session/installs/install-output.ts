import type { Log } from '../../log';
import { asSandboxError } from '../failures';

/** Minimum and maximum time between two messages. */
const MIN_INTERVAL_MS = 200;
const MAX_INTERVAL_MS = 20_000;
/** Maximum output of one install that a cell gets. */
const MAX_OUTPUT_CHARACTERS = 256 * 1024;

/**
 * Sends the output of pip to the cell that waits for the install. It combines lines into few messages, bounds the text, and sends an
 * empty message as a sign of life while pip prints nothing.
 */
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

  /** Sends the remaining text. Nothing is sent afterwards. */
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
    } // lines that have come meanwhile are sent with the next message
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
