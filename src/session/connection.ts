import type { Engine, ExecStream } from '../engine/engine';
import type { Log } from '../log';
import type { Decoded } from '../protocol/decode';
import { command, encodeCommand } from '../protocol/encode';
import { SandboxError } from '../protocol/errors';
import type { Command, EventContents } from '../protocol/messages';
import { asSandboxError, exited } from './failures';
import { SandboxStream } from './stream';
import { sleep, within, type Timing } from './time';

export interface ConnectionSink {
  /** The first line of every stream. */
  follow(): Command<'follow_request'>;
  /** `t`: the supervisor's clock, in seconds. */
  hello(content: EventContents['hello'], t: number): void;
  decoded(decoded: Decoded): void;
  tooLong(bytes: number): void;
  /** The stream that said hello is over; another will follow unless the sandbox is gone. */
  cut(): void;
  /** Why there is no stream now, or why it says nothing. Called again when the reason changes. */
  trouble(failure: SandboxError): void;
  /** A stream that said nothing says something again. */
  heard(): void;
  /** A pause is over of which nobody has said so. */
  unpaused(): void;
  /** The last call: the container does not run any more, another host has it (`InUse`), or it is out of reach on another engine (`OtherEngine`). */
  gone(failure: SandboxError): void;
}

/**
 * Keeps one stream to a sandbox open. A lost stream says nothing about the sandbox, so it is opened again, with a
 * back-off and for ever, until an inspect or a `die` event says that the container is not running, or another host writes to it.
 */
export class Connection {
  readonly #closed = new AbortController();
  readonly #busy: { dispose(): void };
  #stream: SandboxStream | null = null;
  #greeted = false;
  /** A stream has said hello before. */
  #met = false;
  #attachedAt = 0;
  #awaited = false;
  #paused = false;
  #silentPings = 0;
  #unsent = 0;
  #pinging: NodeJS.Timeout | undefined;
  #looking: NodeJS.Timeout | undefined;
  #wake = new AbortController();

  constructor(
    private readonly engine: Engine,
    private readonly containerId: string,
    private readonly sink: ConnectionSink,
    private readonly log: Log,
    private readonly timing: Timing,
  ) {
    this.#busy = engine.onBusy(() => {
      this.#tellBusy();
    });
  }

  /** A stream that said hello is open. */
  get attached(): boolean {
    return this.#greeted;
  }

  open(): void {
    this.#keepOpen().catch((error: unknown) => {
      this.#finish(asSandboxError(error));
    });
  }

  /** Writes a line; false: there is no stream that said hello. */
  send(line: string): boolean {
    if (!this.#greeted || !this.#stream) {
      return false;
    }
    this.#stream.send(line);
    return true;
  }

  /** Bytes written that the engine has not taken yet. */
  get unsent(): number {
    return this.#stream?.unsent ?? 0;
  }

  /** Only while something is awaited is silence a reason to ask. */
  await(something: boolean): void {
    this.#awaited = something;
    this.#schedulePings();
  }

  /** A paused container keeps its stream; its silence means nothing. Its end of pause may be told to nobody, so it is looked at meanwhile. */
  pause(paused: boolean): void {
    this.#paused = paused;
    clearInterval(this.#looking);
    if (paused && !this.#isClosed) {
      this.#looking = setInterval(() => {
        this.#look().catch((error: unknown) => {
          this.log.debug(`no look at a pause: ${String(error)}`);
        });
      }, this.timing.pausedLook);
    }
    this.#schedulePings();
    if (!paused) {
      this.#wakeUp();
    }
  }

  /** The engine says that the container's main process ended: what is on its way still counts, then it is over. */
  async died(failure: SandboxError): Promise<void> {
    if (this.#stream) {
      await within(this.#stream.ended, this.timing.lastWords, '');
    }
    this.#finish(failure);
  }

  /** Resolves when the stream is over, at the latest after `ms`. */
  async drained(ms: number): Promise<void> {
    if (this.#stream) {
      await within(this.#stream.ended, ms, '');
    }
  }

  close(): void {
    this.#closed.abort();
    this.#busy.dispose();
    clearInterval(this.#looking);
    this.#wakeUp();
    this.#stream?.close('closed here');
    this.#schedulePings();
  }

  async #keepOpen(): Promise<void> {
    const { first, longest } = this.timing.backOff;
    let delay = first;
    while (!this.#isClosed) {
      const lost = await this.#oneStream();
      if (this.#isClosed) {
        return;
      }
      if (this.#attachedAt > 0 || !this.#met) {
        this.sink.trouble(lost);
      } // the engine may take its time to say why
      if (this.#attachedAt > 0 && performance.now() - this.#attachedAt >= this.timing.stable) {
        delay = first;
      }
      const reason = await this.#reason(lost);
      if (this.#isClosed) {
        return;
      }
      this.sink.trouble(reason);
      this.log.debug(`stream: ${lost.message}; again in ${delay} ms`);
      await sleep(delay, this.#wake.signal);
      delay = Math.min(2 * delay, longest);
    }
  }

  /** Opens a stream and stays with it to its end; says why there is none any more. */
  async #oneStream(): Promise<SandboxError> {
    this.#attachedAt = 0;
    this.#tellBusy();
    let exec: ExecStream;
    try {
      exec = await this.engine.openStream(this.containerId, this.#closed.signal);
    } catch (error) {
      return asSandboxError(error);
    }
    if (this.#isClosed) {
      exec.destroy();
      return new SandboxError('Cancelled');
    }
    const stream = (this.#stream = new SandboxStream(exec, {
      hello: (content, t) => {
        this.#hello(content, t);
      },
      decoded: (decoded) => {
        this.sink.decoded(decoded);
      },
      tooLong: (bytes) => {
        this.sink.tooLong(bytes);
      },
      heard: () => {
        if (this.#silentPings >= this.#suspicious) {
          this.sink.heard();
        }
        this.#silentPings = 0;
      },
    }));
    const deadline = setTimeout(() => {
      if (!this.#greeted) {
        stream.close(`the sandbox said nothing within ${this.timing.hello / 1000} s`);
      }
    }, this.timing.hello);
    stream.send(encodeCommand(this.sink.follow()));
    const reason = await stream.ended;
    clearTimeout(deadline);
    this.#stream = null;
    this.#schedulePings();
    if (this.#greeted) {
      this.#greeted = false;
      this.sink.cut();
    }
    return new SandboxError('EngineFailed', { reason: stream.textBeforeHello || reason });
  }

  /** An open stream shows by itself that it works. */
  #tellBusy(): void {
    if (this.engine.isBusy && !this.#greeted) {
      this.sink.trouble(new SandboxError('EngineBusy'));
    }
  }

  #hello(content: EventContents['hello'], t: number): void {
    if (!content.writer) {
      this.#finish(new SandboxError('InUse'));
      return;
    }
    this.#greeted = true;
    this.#met = true;
    this.#attachedAt = performance.now();
    this.#silentPings = 0;
    this.#schedulePings();
    this.sink.hello(content, t);
  }

  /** Asks the engine why a stream was lost. Returns only while the container lives, or nobody can say. */
  async #reason(lost: SandboxError): Promise<SandboxError> {
    while (!this.#isClosed) {
      let state;
      try {
        state = await this.engine.inspect(this.containerId);
      } catch (error) {
        const failure = asSandboxError(error);
        if (failure.code === 'OtherEngine') {
          this.#finish(failure);
        }
        return failure;
      }
      if (state === null) {
        // some engines remove it before they tell of its end, which says more
        await sleep(this.timing.lastWords, this.#closed.signal);
        this.#finish(new SandboxError('SandboxGone', { reason: 'removed' }, { cause: lost }));
      } else if (!state.running) {
        this.#finish(exited(state.exitCode));
      } else if (!state.paused) {
        return lost;
      } else {
        this.sink.trouble(new SandboxError('SandboxPaused'));
        await sleep(this.timing.pausedLook, this.#wake.signal);
      }
    }
    return lost;
  }

  async #look(): Promise<void> {
    const state = await this.engine.inspect(this.containerId);
    if (!this.#paused || !state?.running || state.paused) {
      return;
    } // an end is told by other ways
    this.pause(false);
    this.sink.unpaused();
  }

  #schedulePings(): void {
    const wanted = this.#awaited && this.#greeted && this.#stream !== null && !this.#paused && !this.#isClosed;
    if (wanted === (this.#pinging !== undefined)) {
      return;
    }
    clearInterval(this.#pinging);
    this.#pinging = wanted
      ? setInterval(() => {
          this.#ping();
        }, this.timing.ping)
      : undefined;
    this.#silentPings = 0;
  }

  #ping(): void {
    const stream = this.#stream;
    if (!stream) {
      return;
    }
    if (stream.unsent < this.#unsent) {
      this.#silentPings = 0;
    } // a long command on a slow link is on its way
    this.#unsent = stream.unsent;
    if (this.#silentPings >= this.timing.silentPings) {
      stream.close('silent');
      return;
    }
    if (this.#silentPings === this.#suspicious) {
      this.sink.trouble(new SandboxError('SandboxSilent'));
    }
    this.#silentPings += 1;
    stream.send(encodeCommand(command('ping', {})));
  }

  /** Pings without a byte back that are worth mentioning: one more may still be answered, then the stream counts as cut. */
  get #suspicious(): number {
    return this.timing.silentPings - 1;
  }

  #finish(failure: SandboxError): void {
    if (this.#isClosed) {
      return;
    }
    this.close();
    this.sink.gone(failure);
  }

  #wakeUp(): void {
    this.#wake.abort();
    this.#wake = new AbortController();
  }

  get #isClosed(): boolean {
    return this.#closed.signal.aborted;
  }
}
