import { JsonWeight } from './json-weight';
import { MAX_MESSAGE_BYTES, type ChunkContent } from './messages';

export type Assembled = { kind: 'partial' } | { kind: 'complete'; json: string } | { kind: 'dropped'; reason: string };

/** Characters that each chunk counts in addition to its own, because millions of empty chunks need memory too. */
const CHUNK_OVERHEAD_LENGTH = 64;

interface Series {
  parts: string[];
  length: number;
  weight: JsonWeight;
}

/**
 * Joins `chunk` events into messages. Its memory is bounded whatever arrives: at most `maxSeries` series are open, which hold at most
 * `maxLength` characters in total. The oldest open series is dropped to make room, because it may never end.
 * A message that would take too long to parse is dropped.
 */
export class ChunkAssembler {
  /** The open series by key, in the order of their first chunks. */
  readonly #open = new Map<string, Series>();
  #held = 0;

  constructor(
    private readonly maxLength = MAX_MESSAGE_BYTES,
    private readonly maxSeries = 16,
  ) {}

  /** Adds a chunk to the series `key`, which is different for each kernel and generation. Chunk 0 begins the series again. */
  add(key: string, chunk: ChunkContent): Assembled {
    if (chunk.i === 0) {
      this.#drop(key);
    }
    const series = chunk.i === 0 ? { parts: [], length: 0, weight: new JsonWeight() } : this.#open.get(key);
    if (!series) {
      return { kind: 'dropped', reason: 'a chunk of a series that is not open' };
    }
    if (chunk.i !== series.parts.length) {
      this.#drop(key);
      return { kind: 'dropped', reason: 'chunks out of order' };
    }
    series.weight.add(chunk.data);
    if (series.weight.isTooHeavy) {
      this.#drop(key);
      return { kind: 'dropped', reason: 'a message of too many parts' };
    }
    this.#open.set(key, series);
    series.parts.push(chunk.data);
    const cost = chunk.data.length + CHUNK_OVERHEAD_LENGTH;
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

  /** Drops all open series: after a gap in the log none of them can be finished. */
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
