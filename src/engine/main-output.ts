import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { Demuxer } from './demux';
import { isNotFound, type Requests } from './request';

/** Bytes kept of a main process's last words. */
const MAX_KEPT_BYTES = 16 * 1024;
/** Bytes that a piece in memory costs beside its own. */
const PIECE_OVERHEAD_BYTES = 64;

/** The last bytes of many pieces, which may be of one byte each. */
class Tail {
  #pieces: Buffer[] = [];
  #waste = 0;

  add(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#waste += piece.length + PIECE_OVERHEAD_BYTES;
    if (this.#waste > 4 * MAX_KEPT_BYTES) {
      this.#pieces = [this.#kept()];
      this.#waste = 0;
    }
  }

  text(): string {
    return this.#kept().toString('utf8');
  }

  #kept(): Buffer {
    return Buffer.from(Buffer.concat(this.#pieces).subarray(-MAX_KEPT_BYTES));
  }
}

/**
 * The last words of containers' main processes. A container removes itself at its end and its log goes with it,
 * so the output is followed from before its start. Never with stdin: some engines feed the request's body into it.
 */
export class MainOutput {
  readonly #captures = new Map<string, { stream: Readable; tail: Tail }>();

  constructor(
    private readonly docker: Docker,
    private readonly requests: Requests,
  ) {}

  /** Call before the start. */
  async follow(containerId: string, signal?: AbortSignal): Promise<void> {
    // without stdin it is the response itself, which the client's types call a duplex
    const stream = (await this.requests.run(
      'attach to output',
      (abortSignal) =>
        this.docker.getContainer(containerId).attach({ stream: true, stdout: true, stderr: true, abortSignal }),
      { signal },
    )) as unknown as Readable;
    const capture = { stream, tail: new Tail() };
    const demuxer = new Demuxer();
    stream.on('data', (chunk: Buffer) => {
      try {
        demuxer.push(chunk, (_source, piece) => {
          capture.tail.add(piece);
        });
      } catch {
        stream.destroy();
      }
    });
    stream.on('error', () => undefined);
    this.#captures.set(containerId, capture);
  }

  async read(containerId: string): Promise<string> {
    const capture = this.#captures.get(containerId);
    if (capture) {
      return capture.tail.text();
    }
    try {
      const raw = await this.requests.run('logs', (abortSignal) =>
        this.docker.getContainer(containerId).logs({ stdout: true, stderr: true, tail: 200, abortSignal }),
      );
      const tail = new Tail();
      new Demuxer().push(Buffer.from(raw), (_source, piece) => {
        tail.add(piece);
      });
      return tail.text();
    } catch (error) {
      if (isNotFound(error)) {
        return '';
      }
      throw error;
    }
  }

  forget(containerId: string): void {
    this.#captures.get(containerId)?.stream.destroy();
    this.#captures.delete(containerId);
  }

  dispose(): void {
    for (const id of [...this.#captures.keys()]) {
      this.forget(id);
    }
  }
}
