import { Duplex, Readable } from 'node:stream';
import { Demuxer } from './demux';
import type { ExecStream } from './engine';

/** Maximum stderr that is buffered for a reader. Further bytes are dropped, so that stderr never blocks stdout. */
const MAX_STDERR_BYTES = 256 * 1024;

class Stderr extends Readable {
  override _read(): void {
    /* the demuxer pushes the data */
  }

  offer(piece: Buffer): void {
    if (this.readableLength < MAX_STDERR_BYTES) {
      this.push(piece);
    }
  }
}

/**
 * The streams of one exec over a hijacked connection. Any end of the connection, including an error, ends both streams for the reader.
 * There is never an `error` event, and bytes that are written afterwards are dropped (the protocol sends unacknowledged commands again).
 */
class ExecDuplex extends Duplex {
  readonly stderr = new Stderr();
  readonly #demuxer = new Demuxer();
  #over = false;

  constructor(private readonly connection: Duplex) {
    super({ allowHalfOpen: true });
    connection.on('data', (chunk: Buffer) => this.#receive(chunk));
    connection.on('end', () => this.#finishReading());
    connection.on('error', () => this.#finishReading());
    connection.on('close', () => this.#finishReading());
    connection.pause();
  }

  override _read(): void {
    this.connection.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: () => void): void {
    if (this.#over || this.connection.destroyed) {
      done();
    } else {
      this.connection.write(chunk, encoding, () => done());
    }
  }

  override _final(done: () => void): void {
    if (!this.#over && !this.connection.destroyed) {
      this.connection.end();
    }
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#over = true;
    this.connection.destroy();
    this.stderr.push(null);
    done(error);
  }

  #receive(chunk: Buffer): void {
    if (this.#over) {
      return;
    }
    try {
      this.#demuxer.push(chunk, (source, piece) => {
        if (source === 'stderr') {
          this.stderr.offer(piece);
        } else if (!this.push(piece)) {
          this.connection.pause();
        }
      });
    } catch {
      this.connection.destroy();
      this.#finishReading();
    }
  }

  #finishReading(): void {
    if (this.#over) {
      return;
    }
    this.#over = true;
    this.stderr.push(null);
    this.once('end', () => this.destroy());
    this.push(null);
  }
}

/** @param connection the hijacked connection, which belongs to the stream from now on */
export function execStream(connection: Duplex): ExecStream {
  const stream = new ExecDuplex(connection);
  return {
    stream,
    stderr: stream.stderr,
    destroy: () => {
      stream.destroy();
    },
  };
}
