import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { Demuxer } from './demux';
import { isNotFound, type Requests } from './request';

/** Maximum output of a main process that is kept; older output is dropped. */
const MAX_KEPT_BYTES = 16 * 1024;
/** Estimated memory of a piece besides its own bytes. */
const PIECE_OVERHEAD_BYTES = 64;

/** Keeps the last bytes of many pieces, each of which may be one byte long. */
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
 * Keeps the last output of the main processes of containers. A container removes itself with its log when it ends, so its output is
 * followed from before its start. The attach request never includes stdin, because some engines write the request's body to it.
 */
export class MainOutput {
  readonly #captures = new Map<string, { stream: Readable; tail: Tail }>();

  constructor(
    private readonly docker: Docker,
    private readonly requests: Requests,
  ) {}

  /** Starts to follow a container's output. Call it before the container starts. */
  async follow(containerId: string, signal?: AbortSignal): Promise<void> {
    // without stdin the stream is the response itself, although the client's types say duplex
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
