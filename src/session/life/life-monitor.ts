import type { Engine, LifeEvent } from '../../engine/engine';
import type { Log } from '../../log';
import { SandboxError } from '../../protocol/errors';
import { exited } from '../failures';

/** Time after an `oom` event in which the end of the container is attributed to it. */
const OUT_OF_MEMORY_WINDOW_MS = 5_000;
/** Exit code of a process that was killed for lack of memory: 128 + SIGKILL. */
const SIGKILL_EXIT_CODE = 137;

export interface LifeSink {
  /** The container's main process has ended. */
  died(failure: SandboxError): void;
  paused(): void;
  unpaused(): void;
}

/** Follows the engine's events about one sandbox's container. They are hints: a missing event proves nothing. */
export class LifeMonitor {
  #outOfMemory = false;
  readonly #listening: { dispose(): void };

  /** @param memory gives the memory limit in bytes */
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
