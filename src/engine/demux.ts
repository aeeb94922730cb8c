/** The output of the process that a piece belongs to. */
export type Source = 'stdout' | 'stderr';

const HEADER_BYTES = 8;

/**
 * Splits the engine's stream of one exec, which consists of frames: `[type, 0, 0, 0, length (4 bytes, big endian)]` and `length` bytes.
 * Pieces are passed on as they arrive, so that memory never depends on a frame's claimed length. A stream that does not start with a frame
 * is plain text of the engine (a failed exec on some engines) and is passed on as stdout; a stream with an invalid later frame is broken.
 */
export class Demuxer {
  readonly #header = Buffer.alloc(HEADER_BYTES);
  #headerLength = 0;
  #source: Source = 'stdout';
  #left = 0;
  #mode: 'start' | 'framed' | 'plain' = 'start';

  /** @throws Error if the header of a later frame is invalid */
  push(chunk: Buffer, emit: (source: Source, piece: Buffer) => void): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#mode === 'plain') {
        emit('stdout', chunk.subarray(at));
        return;
      }
      if (this.#left > 0) {
        const piece = chunk.subarray(at, at + this.#left);
        this.#left -= piece.length;
        at += piece.length;
        emit(this.#source, piece);
        continue;
      }
      const copied = chunk.copy(this.#header, this.#headerLength, at, at + HEADER_BYTES - this.#headerLength);
      this.#headerLength += copied;
      at += copied;
      if (this.#mode === 'start' && !couldBeHeader(this.#header.subarray(0, this.#headerLength))) {
        this.#mode = 'plain';
        emit('stdout', Buffer.from(this.#header.subarray(0, this.#headerLength)));
        continue;
      }
      if (this.#headerLength < HEADER_BYTES) {
        return;
      }
      if (!couldBeHeader(this.#header)) {
        throw new Error(`no frame where one should begin: ${this.#header.toString('hex')}`);
      }
      this.#mode = 'framed';
      this.#headerLength = 0;
      this.#source = this.#header[0] === 2 ? 'stderr' : 'stdout';
      this.#left = this.#header.readUInt32BE(4);
    }
  }
}

function couldBeHeader(bytes: Buffer): boolean {
  const [type = 0, ...rest] = bytes;
  return type <= 2 && rest.slice(0, 3).every((byte) => byte === 0);
}
