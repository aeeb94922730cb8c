import type { Failure } from '../../protocol/messages';
import type { SessionState } from '../types';

/**
 * Explains in the running cell why it shows no new output while its sandbox is unreachable, and reports when the sandbox is reachable
 * again. `src/outputs` recognises by their code which notices replace each other in the same place.
 */
export class OutOfReachNotices {
  #told: { msgId: string; cause: string; since: number } | undefined;

  constructor(
    private readonly tell: (msgId: string, notice: Failure) => void,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** @param running id of the running cell; '' = none */
  update(state: SessionState, running: string): void {
    const told = this.#told;
    if (state.kind === 'unreachable') {
      const { code: cause, params } = state.failure;
      if (running === '' || (told?.msgId === running && told.cause === cause)) {
        return;
      }
      this.#told = { msgId: running, cause, since: told?.since ?? this.now() };
      this.tell(running, {
        code: 'OutOfReach',
        params: { cause, ...(typeof params['reason'] === 'string' && { reason: params['reason'] }) },
      });
    } else if (told) {
      this.#told = undefined;
      if (state.kind === 'ready') {
        this.tell(told.msgId, {
          code: 'OutOfReach',
          params: { cause: told.cause, seconds: Math.round((this.now() - told.since) / 1000) },
        });
      }
    }
  }
}
