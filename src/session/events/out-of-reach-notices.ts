import type { Failure } from '../../protocol/messages';
import type { SessionState } from '../types';

/**
 * Explains in the running cell why it shows no new output while its sandbox is unreachable, and reports when the sandbox is reachable
 * again. `src/outputs` recognises by their code which notices replace each other in the same place.
 */
export class OutOfReachNotices {
  #shown: { msgId: string; cause: string; since: number } | undefined;

  constructor(
    private readonly show: (msgId: string, notice: Failure) => void,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** @param running id of the running cell; '' = none */
  update(state: SessionState, running: string): void {
    const shown = this.#shown;
    if (state.kind === 'unreachable') {
      const { code: cause, params } = state.failure;
      if (running === '' || (shown?.msgId === running && shown.cause === cause)) {
        return;
      }
      this.#shown = { msgId: running, cause, since: shown?.since ?? this.now() };
      this.show(running, {
        code: 'OutOfReach',
        params: { cause, ...(typeof params['reason'] === 'string' && { reason: params['reason'] }) },
      });
    } else if (shown) {
      this.#shown = undefined;
      if (state.kind === 'ready') {
        this.show(shown.msgId, {
          code: 'OutOfReach',
          params: { cause: shown.cause, seconds: Math.round((this.now() - shown.since) / 1000) },
        });
      }
    }
  }
}
