import type { Log } from '../../log';
import { SandboxError } from '../../protocol/errors';
import { Listeners } from '../listeners';
import type { SessionState } from '../types';

/** The state of a session and its listeners. It decides when a problem with the stream makes the session `unreachable`. */
export class States {
  readonly listeners: Listeners<SessionState>;
  #current: SessionState = { kind: 'starting' };
  /** The last reason why there was no stream. */
  #trouble = new SandboxError('StartFailed', { reason: 'it said nothing in time' });
  #unreachableTimer: NodeJS.Timeout | undefined;

  /** @param patience milliseconds after which a lost stream makes the session `unreachable` */
  constructor(
    private readonly name: string,
    private readonly patience: number,
    private readonly log: Log,
  ) {
    this.listeners = new Listeners(log);
  }

  get current(): SessionState {
    return this.#current;
  }
  get trouble(): SandboxError {
    return this.#trouble;
  }
  get isOver(): boolean {
    return this.#current.kind === 'gone' || this.#current.kind === 'disposed';
  }

  ready(): void {
    this.#become({ kind: 'ready' });
  }
  disposed(): void {
    this.#become({ kind: 'disposed' });
  }

  /** False if the session had already ended. */
  gone(failure: SandboxError): boolean {
    if (this.isOver) {
      return false;
    }
    this.#become({ kind: 'gone', failure });
    return true;
  }

  /** Reports a problem with the stream. A pause or a lasting silence changes the state at once, any other problem only if it lasts. */
  troubled(failure: SandboxError): void {
    this.#trouble = failure;
    if (
      this.#current.kind === 'unreachable' ||
      (this.#current.kind === 'ready' && (failure.code === 'SandboxPaused' || failure.code === 'SandboxSilent'))
    ) {
      this.#become({ kind: 'unreachable', failure });
    } else if (this.#current.kind === 'ready') {
      this.#unreachableTimer ??= setTimeout(() => {
        this.#become({ kind: 'unreachable', failure: this.#trouble });
      }, this.patience);
    }
  }

  #become(state: SessionState): void {
    clearTimeout(this.#unreachableTimer);
    this.#unreachableTimer = undefined;
    if (this.#current.kind === 'disposed' || (this.#current.kind === 'gone' && state.kind !== 'disposed')) {
      return;
    }
    if (state.kind === 'ready' && this.#current.kind === 'ready') {
      return;
    }
    if (
      state.kind === 'unreachable' &&
      this.#current.kind === 'unreachable' &&
      state.failure.code === this.#current.failure.code
    ) {
      return;
    }
    this.#current = state;
    this.log.info(`sandbox ${this.name}: ${state.kind}${'failure' in state ? ` (${state.failure.message})` : ''}`);
    this.listeners.emit(state);
  }
}
