import type { Log } from '../log';
import type { InteractiveSandboxSession } from './interactive-sandbox-session';

/** Milliseconds from the use of the ready sandbox to the start of the next one, so that this start does not slow the first run down. */
const NEXT_START_DELAY_MS = 2_000;

type Ready = Promise<InteractiveSandboxSession | undefined>;

/** Keeps one sandbox started that nobody has used, so that the next caller need not wait for a start. */
export class ReadySandbox {
  #ready: Ready | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param open starts a sandbox, or resolves to undefined if it cannot be started without more work */
  constructor(
    private readonly open: () => Ready,
    private readonly log: Log,
  ) {}

  /** Starts a sandbox unless there is one. The next caller starts its own if this fails, and gets the reason if that fails too. */
  prepare(): void {
    this.#ready ??= this.open().catch((error: unknown) => {
      this.log.warn(`no sandbox was started ahead: ${String(error)}`);
      return undefined;
    });
  }

  /** Gives the sandbox away, and starts the next one a little later. Undefined if there is none. It is never given twice. */
  async take(): Ready {
    const ready = this.#ready;
    if (ready === undefined) {
      return undefined;
    }
    this.#ready = undefined;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.prepare(), NEXT_START_DELAY_MS);
    const session = await ready;
    if (session?.isGone === true) {
      await session.close(); // it has reached the time limit for unused sandboxes
      return undefined;
    }
    return session;
  }

  /** Ends the sandbox. Never rejects. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    const ready = this.#ready;
    this.#ready = undefined;
    await (await ready)?.close();
  }
}
