import type { Log } from '../../log';
import { isSandboxError } from '../../protocol/errors';
import { within } from '../../session/time';
import type { SandboxSession } from '../../session/types';

/**
 * Milliseconds that cancelled starts have to remove what they had created. After that they finish in the background.
 */
const CANCEL_TIMEOUT_MS = 10_000;

/** A start of a sandbox, or an attempt to attach to one. The session is undefined if there is nothing to attach to. */
export interface Start {
  readonly session: Promise<SandboxSession | undefined>;
  /**
   * The session for a cell that is run meanwhile. Resolves to undefined if a start failed that the user had not
   * requested, so that the cell can start a sandbox of its own.
   */
  forCell(): Promise<SandboxSession | undefined>;
  cancel(): void;
}

/** Runs the starts of a notebook's sandbox. A cancelled start does not delay the next one. */
export class Starts {
  /** Starts that have not settled yet, including cancelled ones. Each of them may still create a container. */
  readonly #unsettled = new Set<Promise<void>>();

  /** @param ended called when a start has ended, with or without a session */
  constructor(
    private readonly ended: (start: Start) => void,
    private readonly log: Log,
  ) {}

  /**
   * @param work must end soon after its signal aborts
   * @param isRequested whether the user waits for the start
   */
  begin(work: (signal: AbortSignal) => Promise<SandboxSession | undefined>, isRequested = true): Start {
    const abort = new AbortController();
    const session: Promise<SandboxSession | undefined> = work(abort.signal).finally(() => this.ended(start));
    const start: Start = {
      session,
      forCell: () => (isRequested ? session : session.catch(unlessCancelled)),
      cancel: () => abort.abort(),
    };
    const settled: Promise<void> = start.session
      .then(
        () => undefined,
        () => undefined,
      )
      .finally(() => this.#unsettled.delete(settled));
    this.#unsettled.add(settled);
    return start;
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
