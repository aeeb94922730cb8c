import type { Log } from '../../log';
import { isSandboxError } from '../../protocol/errors';
import { within } from '../../session/time';
import type { SandboxSession } from '../../session/types';

/** Milliseconds for starts that were called off to have removed what they had begun; then they go on alone. */
const CANCEL_TIMEOUT_MS = 10_000;

/** `isNew` false: the sandbox of an earlier window is looked for; its session is undefined where that is gone. */
export interface Start {
  readonly session: Promise<SandboxSession | undefined>;
  readonly isNew: boolean;
  /** The same for a cell that comes meanwhile: undefined where a start has failed that nobody had asked for, as the cell can have one of its own. */
  forCell(): Promise<SandboxSession | undefined>;
}

/** The starts of a notebook's sandbox: one at a time, and one that was called off does not hold up the next. */
export class Starts {
  #current: (Start & { readonly abort: AbortController }) | undefined;
  /** Starts that have not settled yet, also those that were called off: each may still make a container. */
  readonly #unsettled = new Set<Promise<void>>();

  /** @param changed {@link current} may be different */
  constructor(
    private readonly changed: () => void,
    private readonly log: Log,
  ) {}

  /** Undefined: none is under way, or it was called off. */
  get current(): Start | undefined {
    return this.#current;
  }

  /**
   * @param work must end soon once its signal aborts
   * @param isRequested the user waits for it
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

  /** The current start is not wanted any more. */
  cancel(): void {
    const start = this.#current;
    this.#current = undefined;
    start?.abort.abort();
  }

  /** Resolves once no start is under way that could still leave a container; all of them were called off before. */
  async settled(): Promise<void> {
    const isOver = await within(
      Promise.all(this.#unsettled).then(() => true),
      CANCEL_TIMEOUT_MS,
      false,
    );
    if (!isOver) {
      this.log.warn(`a start that was called off has not ended within ${CANCEL_TIMEOUT_MS / 1000} s`);
    }
  }
}

/** What was called off stays so. */
function unlessCancelled(error: unknown): undefined {
  if (isSandboxError(error, 'Cancelled')) {
    throw error;
  }
}
