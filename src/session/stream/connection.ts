import type { Engine, ExecStream } from '../../engine/engine';
import type { Log } from '../../log';
import type { Decoded } from '../../protocol/decode';
import { command, encodeCommand } from '../../protocol/encode';
import { SandboxError } from '../../protocol/errors';
import type { Command, EventContents } from '../../protocol/messages';
import { asSandboxError, exited } from '../failures';
import { SandboxStream } from './stream';
import { sleep, within, type Timing } from '../time';

export interface ConnectionSink {
  /** Gives the command that opens every stream. */
  follow(): Command<'follow_request'>;
  /** `t`: the supervisor's clock, in seconds. */
  hello(content: EventContents['hello'], t: number): void;
  decoded(decoded: Decoded): void;
  tooLong(bytes: number): void;
  /** A stream that said hello has ended. Another one follows unless the sandbox is gone. */
  cut(): void;
  /** Tells why there is no stream, or why the stream is silent. Called again when the reason changes. */
  trouble(failure: SandboxError): void;
  /** A silent stream brings data again. */
  heard(): void;
  /** The container is no longer paused, and no event has reported that. */
  unpaused(): void;
  /**
   * The last call. The container no longer runs, another host is its writer (`InUse`), or it is on another engine that does not
   * answer now (`OtherEngine`).
   */
  gone(failure: SandboxError): void;
}

/**
 * Keeps one stream to a sandbox open. A lost stream does not mean that the sandbox has ended, so the stream is opened again with a
 * back-off, forever, until an inspect or a `die` event reports that the container is not running, or another host is its writer.
 */
export class Connection {
  readonly #closed = new AbortController();
  readonly #busy: { dispose(): void };
  #stream: SandboxStream | null = null;
  #greeted = false;
  /** Whether any stream has said hello so far. */
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

  /** Writes a line. False if no stream has said hello. */
  send(line: string): boolean {
    if (!this.#greeted || !this.#stream) {
      return false;
    }
    this.#stream.send(line);
    return true;
  }

  /** Written bytes that the engine has not taken yet. */
  get unsent(): number {
    return this.#stream?.unsent ?? 0;
  }

  /** Sets whether the session waits for an answer. The stream is pinged only while it does. */
  await(something: boolean): void {
    this.#awaited = something;
    this.#schedulePings();
  }

  /**
   * Sets whether the container is paused. A paused container keeps its stream and is silent for that reason alone. No event may report
   * the end of the pause, so the container is inspected meanwhile.
   */
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

  /** Call when the engine reports that the container's main process ended. Data that is still on its way is received first. */
  async died(failure: SandboxError): Promise<void> {
    if (this.#stream) {
      await within(this.#stream.ended, this.timing.lastWords, '');
    }
    this.#finish(failure);
  }

  /** Resolves when the stream has ended, at the latest after `ms`. */
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
      } // reported at once because the engine may take some time to give the reason
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

  /** Opens a stream and waits for its end. Gives the reason for that end. */
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

  /** Reports a busy engine, unless a stream is open: an open stream works even then. */
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

  /** Asks the engine why a stream was lost. Returns if the container is running or the engine cannot tell; else ends the connection. */
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
        // some engines remove the container before they send its `die` event, which has the exit code
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
    } // the end of a container is detected elsewhere
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
    } // a long command is being sent over a slow link
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

  /** Number of unanswered pings in a row from which the silence is reported. After one more the stream counts as cut. */
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
