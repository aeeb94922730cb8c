import { MAX_LINE_BYTES } from './messages';

export interface LineSink {
  line(text: string): void;
  /** A line of `bytes` bytes was over the limit and was dropped. Called when the line ends. */
  tooLong(bytes: number): void;
}

const NEWLINE = 0x0a;
const INITIAL_CAPACITY_BYTES = 4096;

/**
 * Splits a byte stream into lines. It decodes only whole lines, so a character may be split between two chunks. It holds at most
 * one unfinished line of `maxBytes` in one buffer, so that neither an endless line nor a million one-byte chunks use up memory.
 */
export class LineSplitter {
  #held = Buffer.allocUnsafe(INITIAL_CAPACITY_BYTES);
  #length = 0;
  /** Bytes of the line that is being dropped; 0 if no line is. */
  #skipped = 0;

  constructor(
    private readonly sink: LineSink,
    private readonly maxBytes = MAX_LINE_BYTES,
  ) {}

  push(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#finish(chunk, start, end);
      start = end + 1;
    }
    if (start < chunk.length) {
      this.#hold(chunk, start, chunk.length);
    }
  }

  /** Ends the stream. Returns the text after the last newline, '' if there is none or it was over the limit. */
  end(): string {
    const rest = this.#skipped > 0 ? '' : this.#held.toString('utf8', 0, this.#length);
    if (this.#skipped > 0) {
      this.sink.tooLong(this.#skipped);
    }
    this.#length = this.#skipped = 0;
    return rest;
  }

  #finish(chunk: Buffer, start: number, end: number): void {
    if (this.#length === 0 && this.#skipped === 0 && end - start <= this.maxBytes) {
      if (end > start) {
        this.sink.line(chunk.toString('utf8', start, end));
      }
      return;
    }
    this.#hold(chunk, start, end);
    const text = this.end();
    if (text !== '') {
      this.sink.line(text);
    }
  }

  #hold(chunk: Buffer, start: number, end: number): void {
    const bytes = end - start;
    if (this.#skipped > 0 || this.#length + bytes > this.maxBytes) {
      this.#skipped += this.#length + bytes;
      this.#length = 0;
      return;
    }
    if (this.#length + bytes > this.#held.length) {
      const grown = Buffer.allocUnsafe(Math.min(this.maxBytes, Math.max(this.#length + bytes, 2 * this.#held.length)));
      this.#held.copy(grown, 0, 0, this.#length);
      this.#held = grown;
    }
    chunk.copy(this.#held, this.#length, start, end);
    this.#length += bytes;
  }
}
