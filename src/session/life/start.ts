import type { Engine } from '../../engine/engine';
import { engineReason } from '../../engine/request';
import type { Log } from '../../log';
import { SandboxError } from '../../protocol/errors';
import { asSandboxError } from '../failures';
import type { Timing } from '../time';

/** The failures of an engine that explain why a sandbox without any output has not started. */
const ENGINE_FAILURES: readonly string[] = ['EngineSilent', 'EngineBusy', 'EngineNotFound', 'EngineDenied'];
/** Maximum length of a container's output in the reason of a failure, in UTF-16 units. */
const MAX_OUTPUT_LENGTH = 2_000;

/** The start of a session, from its creation until it is attached for the first time or has failed. */
export class Start {
  readonly started: Promise<void>;
  #settle!: { resolve: () => void; reject: (failure: SandboxError) => void };
  #deadline: NodeJS.Timeout | undefined;

  /** @param cancel called when the signal aborts before the start has ended */
  constructor(
    private readonly engine: Pick<Engine, 'isBusy' | 'logs'>,
    private readonly timing: Pick<Timing, 'start' | 'busyStart'>,
    private readonly log: Log,
    signal: AbortSignal | undefined,
    cancel: () => void,
  ) {
    this.started = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    if (signal?.aborted) {
      queueMicrotask(cancel);
    }
    signal?.addEventListener('abort', cancel, { once: true });
    this.started
      .finally(() => {
        signal?.removeEventListener('abort', cancel);
      })
      .catch(() => undefined); // the session's state reports the failure too
  }

  /** Calls `late` if the session is not attached in time. A busy engine gets longer, until `latest` by `performance.now()`. */
  expectAttachment(late: () => void, latest = performance.now() + this.timing.busyStart): void {
    this.#deadline = setTimeout(() => {
      if (this.engine.isBusy && performance.now() < latest) {
        this.expectAttachment(late, latest);
      } else {
        late();
      }
    }, this.timing.start);
  }

  /** The session is attached or has ended. */
  clearDeadline(): void {
    clearTimeout(this.#deadline);
  }

  succeed(): void {
    this.#settle.resolve();
  }

  fail(failure: SandboxError): void {
    this.clearDeadline();
    this.#settle.reject(failure);
  }

  /** Why a new container has not started: its own output or, if there is none, the engine's failure. Never rejects. */
  async explain(containerId: string, cause: SandboxError): Promise<SandboxError> {
    const logs = await this.engine.logs(containerId).catch((error: unknown) => {
      this.log.debug(`no output of container ${containerId}: ${asSandboxError(error).message}`);
      return '';
    });
    const output = logs.trim().slice(-MAX_OUTPUT_LENGTH);
    return output === '' && ENGINE_FAILURES.includes(cause.code)
      ? cause
      : new SandboxError('StartFailed', { reason: output || engineReason(cause) }, { cause });
  }
}
