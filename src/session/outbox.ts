/** What became of a command that somebody wants back. */
export type Withdrawn = 'unsent' | 'sent' | 'absent';

interface Entry {
  line: string;
  /** The stream it was last written to; 0 = none. */
  stream: number;
}

/**
 * Commands that the sandbox has not accepted yet, in order. A command goes out once on each stream until it is accepted;
 * the supervisor ignores an id that it knows, so sending again is safe and not sending again would lose a cell.
 */
export class Outbox {
  readonly #entries = new Map<string, Entry>();
  #stream = 0;
  #open = false;

  /** `write` puts a line on the current stream. */
  constructor(private readonly write: (line: string) => void) {}

  /** A stream takes commands. */
  get isOpen(): boolean {
    return this.#open;
  }

  get size(): number {
    return this.#entries.size;
  }

  add(msgId: string, line: string): void {
    this.#entries.set(msgId, { line, stream: this.#open ? this.#stream : 0 });
    if (this.#open) {
      this.write(line);
    }
  }

  /** A stream has replayed the log up to its hello: what has no `accepted` by now was lost on the way or never sent. */
  attached(): void {
    this.#stream += 1;
    this.#open = true;
    for (const entry of this.#entries.values()) {
      entry.stream = this.#stream;
      this.write(entry.line);
    }
  }

  cut(): void {
    this.#open = false;
  }

  accepted(msgId: string): void {
    this.#entries.delete(msgId);
  }

  /** Takes a command back; one that was sent may still be obeyed. */
  withdraw(msgId: string): Withdrawn {
    const entry = this.#entries.get(msgId);
    this.#entries.delete(msgId);
    if (!entry) {
      return 'absent';
    }
    return entry.stream === 0 ? 'unsent' : 'sent';
  }

  /** True until the command was written to a stream for the first time. */
  isUnsent(msgId: string): boolean {
    return this.#entries.get(msgId)?.stream === 0;
  }

  has(msgId: string): boolean {
    return this.#entries.has(msgId);
  }

  clear(): void {
    this.#entries.clear();
  }
}
