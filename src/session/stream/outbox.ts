/** State of a withdrawn command. */
export type Withdrawn = 'unsent' | 'sent' | 'absent';

interface Entry {
  line: string;
  /** Number of the stream that it was last written to; 0 = none. */
  stream: number;
}

/**
 * The commands that the sandbox has not accepted yet, in order. A command is sent once on each stream until it is accepted. The
 * supervisor ignores an id that it knows, so sending again is safe, while not sending again could lose a cell.
 */
export class Outbox {
  readonly #entries = new Map<string, Entry>();
  #stream = 0;
  #open = false;

  /** @param write writes a line to the current stream */
  constructor(private readonly write: (line: string) => void) {}

  /** Whether a stream takes commands now. */
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

  /** Call when a stream has replayed the log up to its hello. Commands without an `accepted` by then were lost or never sent. */
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

  /** Withdraws a command. One that was sent may still be executed. */
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
