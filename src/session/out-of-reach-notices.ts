import type { Failure } from '../protocol/messages';
import type { SessionState } from './types';

/**
 * Why a cell shows nothing new though it goes on: told in the cell that runs while its sandbox is out of reach, and again when
 * that is over. Which notices follow each other in the same place, `src/outputs` knows by their code.
 */
export class OutOfReachNotices {
  #told: { msgId: string; cause: string; since: number } | undefined;

  constructor(
    private readonly tell: (msgId: string, notice: Failure) => void,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** @param running the cell that runs; '' = none */
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
