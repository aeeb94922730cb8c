import type { Engine, LifeEvent } from '../engine/engine';
import type { Log } from '../log';
import { SandboxError } from '../protocol/errors';
import { exited } from './failures';

/** Milliseconds in which the end of a container is that of its memory. */
const OUT_OF_MEMORY_WINDOW_MS = 5_000;
/** What an engine kills with where memory is out. */
const SIGKILL_EXIT_CODE = 137;

export interface LifeSink {
  /** The container's main process has ended. */
  died(failure: SandboxError): void;
  paused(): void;
  unpaused(): void;
}

/** What an engine tells of a sandbox's container: hints, whose absence proves nothing. */
export class LifeMonitor {
  #outOfMemory = false;
  readonly #listening: { dispose(): void };

  /** @param memory the limit, in bytes */
  constructor(
    engine: Pick<Engine, 'onLifeEvent'>,
    private readonly sandboxId: string,
    private readonly memory: () => number,
    private readonly sink: LifeSink,
    private readonly log: Log,
  ) {
    this.#listening = engine.onLifeEvent((event) => {
      if (event.sandboxId === sandboxId) {
        this.#heard(event);
      }
    });
  }

  dispose(): void {
    this.#listening.dispose();
  }

  #heard({ action, exitCode }: LifeEvent): void {
    this.log.info(`sandbox ${this.sandboxId}: ${action}`);
    switch (action) {
      case 'oom':
        this.#outOfMemory = true;
        setTimeout(() => {
          this.#outOfMemory = false;
        }, OUT_OF_MEMORY_WINDOW_MS).unref();
        return;
      case 'die':
        this.sink.died(
          this.#outOfMemory && exitCode === SIGKILL_EXIT_CODE
            ? new SandboxError('OutOfMemory', { limit: this.memory() }, { setting: 'maxMemory' })
            : exited(exitCode),
        );
        return;
      case 'pause':
        this.sink.paused();
        return;
      case 'unpause':
        this.sink.unpaused();
    }
  }
}
