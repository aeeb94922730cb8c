import type { Log } from '../log';
import { SandboxError } from '../protocol/errors';
import { Listeners } from './listeners';
import type { SessionState } from './types';

/** Which state a session is in, who wants to know, and when trouble is worth mentioning. */
export class States {
  readonly listeners: Listeners<SessionState>;
  #current: SessionState = { kind: 'starting' };
  /** The last reason for having no stream. */
  #trouble = new SandboxError('StartFailed', { reason: 'it said nothing in time' });
  #mention: NodeJS.Timeout | undefined;

  /** @param patience milliseconds that a cut goes unmentioned */
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

  /** False: it was over before. */
  gone(failure: SandboxError): boolean {
    if (this.isOver) {
      return false;
    }
    this.#become({ kind: 'gone', failure });
    return true;
  }

  /** A pause, and a silence that has lasted, are shown at once, any other reason only if it lasts. */
  troubled(failure: SandboxError): void {
    this.#trouble = failure;
    if (
      this.#current.kind === 'unreachable' ||
      (this.#current.kind === 'ready' && (failure.code === 'SandboxPaused' || failure.code === 'SandboxSilent'))
    ) {
      this.#become({ kind: 'unreachable', failure });
    } else if (this.#current.kind === 'ready') {
      this.#mention ??= setTimeout(() => {
        this.#become({ kind: 'unreachable', failure: this.#trouble });
      }, this.patience);
    }
  }

  #become(state: SessionState): void {
    clearTimeout(this.#mention);
    this.#mention = undefined;
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
