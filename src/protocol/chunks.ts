import { JsonWeight } from './json-weight';
import { MAX_MESSAGE_BYTES, type ChunkContent } from './messages';

export type Assembled = { kind: 'partial' } | { kind: 'complete'; json: string } | { kind: 'dropped'; reason: string };

/** Characters that a piece counts as beside its own: millions of empty ones cost memory too. */
const PIECE_COST = 64;

interface Series {
  parts: string[];
  length: number;
  weight: JsonWeight;
}

/**
 * Joins `chunk` events into messages. Bounded whatever arrives: at most `maxSeries` open series that hold at most
 * `maxLength` characters together; the oldest open series makes room, as one that never ends is of no use to anybody.
 * A message that would take too long to parse is none.
 */
export class ChunkAssembler {
  /** In order of their first chunk. */
  readonly #open = new Map<string, Series>();
  #held = 0;

  constructor(
    private readonly maxLength = MAX_MESSAGE_BYTES,
    private readonly maxSeries = 16,
  ) {}

  /** `key` tells series of different kernels and generations apart. A chunk 0 begins its series anew. */
  add(key: string, chunk: ChunkContent): Assembled {
    if (chunk.i === 0) {
      this.#drop(key);
    }
    const series = chunk.i === 0 ? { parts: [], length: 0, weight: new JsonWeight() } : this.#open.get(key);
    if (!series) {
      return { kind: 'dropped', reason: 'a piece of a series that is not open' };
    }
    if (chunk.i !== series.parts.length) {
      this.#drop(key);
      return { kind: 'dropped', reason: 'pieces out of order' };
    }
    series.weight.add(chunk.data);
    if (series.weight.isTooHeavy) {
      this.#drop(key);
      return { kind: 'dropped', reason: 'a message of too many parts' };
    }
    this.#open.set(key, series);
    series.parts.push(chunk.data);
    const cost = chunk.data.length + PIECE_COST;
    series.length += cost;
    this.#held += cost;
    this.#makeRoom(key);
    if (!this.#open.has(key)) {
      return { kind: 'dropped', reason: 'a message over the limit' };
    }
    if (!chunk.last) {
      return { kind: 'partial' };
    }
    this.#drop(key);
    return { kind: 'complete', json: series.parts.join('') };
  }

  /** After a gap in the log no open series can be finished. */
  clear(): void {
    this.#open.clear();
    this.#held = 0;
  }

  #makeRoom(newest: string): void {
    for (const key of [...this.#open.keys()]) {
      if (this.#held <= this.maxLength && this.#open.size <= this.maxSeries) {
        return;
      }
      if (key !== newest) {
        this.#drop(key);
      }
    }
    if (this.#held > this.maxLength) {
      this.#drop(newest);
    }
  }

  #drop(key: string): void {
    this.#held -= this.#open.get(key)?.length ?? 0;
    this.#open.delete(key);
  }
}
