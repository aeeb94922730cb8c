import type { Log } from '../../log';
import { isSandboxError } from '../../protocol/errors';
import { within } from '../../session/time';
import type { SandboxSession } from '../../session/types';

/**
 * Milliseconds that cancelled starts have to remove what they had created. After that they finish in the background.
 */
const CANCEL_TIMEOUT_MS = 10_000;

/**
 * A start of a sandbox. If `isNew` is false, it attaches to the sandbox of an earlier window, and its session is
 * undefined if that sandbox is gone.
 */
export interface Start {
  readonly session: Promise<SandboxSession | undefined>;
  readonly isNew: boolean;
  /**
   * The session for a cell that is run meanwhile. Resolves to undefined if a start failed that the user had not
   * requested, so that the cell can start a sandbox of its own.
   */
  forCell(): Promise<SandboxSession | undefined>;
}

/** The starts of a notebook's sandbox. Only one is current, and a cancelled start does not delay the next one. */
export class Starts {
  #current: (Start & { readonly abort: AbortController }) | undefined;
  /** Starts that have not settled yet, including cancelled ones. Each of them may still create a container. */
  readonly #unsettled = new Set<Promise<void>>();

  /** @param changed called when {@link current} may have changed */
  constructor(
    private readonly changed: () => void,
    private readonly log: Log,
  ) {}

  /** Undefined if no start is under way or it was cancelled. */
  get current(): Start | undefined {
    return this.#current;
  }

  /**
   * @param work must end soon after its signal aborts
   * @param isRequested whether the user waits for the start
   */
  begin(isNew: boolean, work: (signal: AbortSignal) => Promise<SandboxSession | undefined>, isRequested = true): Start {
    const abort = new AbortController();
    const session: Promise<SandboxSession | undefined> = work(abort.signal).finally(() => {
      if (this.#current === start) {
        this.#current = undefined;
      }
      this.changed();
    });
    const start = { abort, isNew, session, forCell: () => (isRequested ? session : session.catch(unlessCancelled)) };
    this.#current = start;
    const settled: Promise<void> = start.session
      .then(
        () => undefined,
        () => undefined,
      )
      .finally(() => this.#unsettled.delete(settled));
    this.#unsettled.add(settled);
    this.changed();
    return start;
  }

  /** Cancels the current start. */
  cancel(): void {
    const start = this.#current;
    this.#current = undefined;
    start?.abort.abort();
  }

  /** Resolves when no start can leave a container any more. To be called when all starts are cancelled. */
  async settled(): Promise<void> {
    const isOver = await within(
      Promise.all(this.#unsettled).then(() => true),
      CANCEL_TIMEOUT_MS,
      false,
    );
    if (!isOver) {
      this.log.warn(`a cancelled start has not ended within ${CANCEL_TIMEOUT_MS / 1000} s`);
    }
  }
}

/** Passes on the error of a cancelled start and swallows all others. */
function unlessCancelled(error: unknown): undefined {
  if (isSandboxError(error, 'Cancelled')) {
    throw error;
  }
}
