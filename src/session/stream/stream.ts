import type { ExecStream } from '../../engine/engine';
import { decodeLine, type Decoded } from '../../protocol/decode';
import { LineSplitter } from '../../protocol/lines';
import type { EventContents } from '../../protocol/messages';

export interface StreamSink {
  /** `t`: the supervisor's clock, in seconds. */
  hello(content: EventContents['hello'], t: number): void;
  /** Every line after the hello. */
  decoded(decoded: Decoded): void;
  /** A line of `bytes` exceeded the limit and was dropped. */
  tooLong(bytes: number): void;
  /** Data has arrived, valid or not. */
  heard(): void;
}

const MAX_TEXT_BEFORE_HELLO_CHARACTERS = 2_000;

/** One exec stream, from its first line to its end. Data that comes after its end or after `close` is dropped. */
export class SandboxStream {
  /** Resolves with the reason when the stream has ended; never rejects. */
  readonly ended: Promise<string>;
  #end!: (reason: string) => void;
  #over = false;
  #greeted = false;
  #textBeforeHello = '';
  readonly #lines: LineSplitter;

  constructor(
    private readonly exec: ExecStream,
    private readonly sink: StreamSink,
  ) {
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.#lines = new LineSplitter({
      line: (text) => {
        this.#line(text);
      },
      tooLong: (bytes) => {
        if (!this.#over) {
          sink.tooLong(bytes);
        }
      },
    });
    exec.stream.on('data', (chunk: Buffer) => {
      if (this.#over) {
        return;
      }
      sink.heard();
      this.#lines.push(chunk);
    });
    exec.stream.on('end', () => {
      this.close('the stream ended');
    });
    exec.stream.on('close', () => {
      this.close('the stream was closed');
    });
    exec.stream.on('error', (error: Error) => {
      this.close(error.message);
    });
    exec.stderr.on('data', (chunk: Buffer) => {
      this.#addTextBeforeHello(chunk.toString('utf8'));
    });
    exec.stderr.on('error', (error: Error) => {
      this.#addTextBeforeHello(error.message);
    });
  }

  /**
   * Text that the engine or the relay sent instead of a hello, bounded: a failed exec writes plain text to stdout. The user sees this
   * text, so it never contains anything that came after the hello.
   */
  get textBeforeHello(): string {
    return this.#textBeforeHello.trim();
  }

  /** Written bytes that the engine has not taken yet. */
  get unsent(): number {
    return this.exec.stream.writableLength;
  }

  send(line: string): void {
    if (!this.#over) {
      this.exec.stream.write(line);
    }
  }

  close(reason: string): void {
    if (this.#over) {
      return;
    }
    if (!this.#greeted) {
      this.#addTextBeforeHello(this.#lines.end());
    }
    this.#over = true;
    this.exec.destroy();
    this.#end(reason);
  }

  #line(text: string): void {
    if (this.#over) {
      return;
    }
    const decoded = decodeLine(text);
    if (this.#greeted) {
      this.sink.decoded(decoded);
    } else if (decoded.kind === 'garbage') {
      this.#addTextBeforeHello(`${text}\n`);
    } else if (decoded.kind === 'event' && decoded.event.msg_type === 'hello') {
      this.#greeted = true;
      this.sink.hello(decoded.event.content, decoded.event.t);
    }
  }

  #addTextBeforeHello(text: string): void {
    if (!this.#greeted) {
      this.#textBeforeHello = (this.#textBeforeHello + text).slice(0, MAX_TEXT_BEFORE_HELLO_CHARACTERS);
    }
  }
}
