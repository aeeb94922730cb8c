import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../log';
import { SandboxError, isSandboxError } from '../protocol/errors';
import { Attempts } from './attempts';
import { overOneConnection } from './connections';
import { DEADLINES_MS, REPEATABLE, asksEngine, type Deadlines, type WaitName } from './deadlines';
import type { GivenUp, Pulse } from './pulse';
import { redact } from './redact';

export interface RequestOptions {
  signal?: AbortSignal | undefined;
  /** Milliseconds to wait for a busy engine in addition to the usual deadline; default: the deadline `busy engine`. */
  patience?: number | undefined;
}

/** Pauses before a request is sent again because its connection was lost. */
const RETRY_PAUSES_MS = [100, 500];
/** The connection was lost while the request was being sent: it is unknown whether the engine received it. */
const LOST = ['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'ETIMEDOUT'];
/** The engine's socket accepts no further connection at the moment: the request was not sent. */
const NOT_SENT = 'EAGAIN';

/**
 * Sends requests to one engine. Every request has a deadline, drops its connection when it is abandoned, and fails with a `SandboxError`.
 */
export class Requests {
  readonly #ending = new AbortController();

  /** @param pulse tells whether a late engine is busy or silent */
  constructor(
    readonly endpoint: string,
    private readonly log: Log,
    readonly pulse: Pulse,
    readonly deadlines: Deadlines = DEADLINES_MS,
  ) {
    setMaxListeners(0, this.#ending.signal); // one for each open request
  }

  /**
   * Sends a request and waits for its answer. An engine that is late but answers pings is busy and gets more time, by the deadline `busy
   * engine`. A request that can be repeated is sent again if its connection was lost. While the engine is busy it is also sent in parallel,
   * because the engine may have lost the first one.
   * @param name name of the request, which also determines its deadline
   * @param more milliseconds that are added to the deadline
   * @param send must pass its signal to the engine's client, which then drops the connection
   * @throws SandboxError `Cancelled`, `EngineSilent` (deadline), `EngineBusy`, `EngineNotFound`, `EngineDenied`, else `EngineFailed` with
   * the engine's status and reason
   */
  async run<T>(
    name: WaitName,
    send: (signal: AbortSignal) => Promise<T>,
    { signal, more = 0, patience = this.deadlines['busy engine'] }: RequestOptions & { more?: number } = {},
  ): Promise<T> {
    const deadline = this.deadlines[name] + more;
    const started = performance.now();
    const drop = new AbortController();
    const enough = new AbortController();
    let givenUp: GivenUp | undefined;
    const cancel = (): void => drop.abort();
    const sources = signal ? [signal, this.#ending.signal] : [this.#ending.signal];
    for (const source of sources) {
      source.addEventListener('abort', cancel, { once: true });
    }
    let aborted: (() => void) | undefined;
    try {
      if (sources.some((source) => source.aborted)) {
        drop.abort();
      }
      drop.signal.throwIfAborted();
      const attempts = new Attempts(drop.signal, (attempt) => this.#sendAgain(name, send, attempt));
      attempts.begin();
      if (deadline !== Infinity) {
        void this.pulse
          .outlast({ deadline, limit: asksEngine(name) ? deadline + patience : deadline }, enough.signal, () => {
            if (REPEATABLE.has(name)) {
              attempts.begin();
            }
          })
          .then((why) => {
            givenUp = why;
            if (why) {
              drop.abort();
            }
          });
      }
      const dropped = new Promise<never>((_, reject) => {
        aborted = () => reject(new Error('dropped'));
        drop.signal.addEventListener('abort', aborted, { once: true });
      });
      return await Promise.race([attempts.answer, dropped]);
    } catch (error) {
      if (givenUp) {
        const { because, waited } = givenUp;
        throw new SandboxError(
          because === 'busy' ? 'EngineBusy' : 'EngineSilent',
          { endpoint: this.endpoint, request: name, timeout: Number((waited / 1000).toFixed(1)) },
          { cause: error },
        );
      }
      if (drop.signal.aborted) {
        throw new SandboxError('Cancelled', { request: name }, { cause: error });
      }
      throw requestFailure(error, name, this.endpoint);
    } finally {
      enough.abort();
      for (const source of sources) {
        source.removeEventListener('abort', cancel);
      }
      if (aborted) {
        drop.signal.removeEventListener('abort', aborted);
      }
      this.log.debug(`engine: ${name}, ${Math.round(performance.now() - started)} ms`);
    }
  }

  async #sendAgain<T>(name: WaitName, send: (signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
    for (const pause of RETRY_PAUSES_MS) {
      try {
        return await overOneConnection(() => send(signal));
      } catch (error) {
        const code = codeOf(error);
        if (signal.aborted || !(code === NOT_SENT || (LOST.includes(code) && REPEATABLE.has(name)))) {
          throw error;
        }
        this.log.debug(`engine: ${name} again, ${code}`);
        await sleep(pause, undefined, { signal });
      }
    }
    return overOneConnection(() => send(signal));
  }

  /** Waits for the removal of what a failed operation left, at most for the deadline `clean up`. The removal must never reject. */
  async cleanUp(removal: Promise<void>): Promise<void> {
    const enough = new AbortController();
    await Promise.race([
      removal,
      sleep(this.deadlines['clean up'], undefined, { signal: enough.signal, ref: false }).catch(() => undefined),
    ]);
    enough.abort();
  }

  /** Drops every open request. */
  dispose(): void {
    this.#ending.abort();
  }
}

/** The system's code of an error; '' = none. */
const codeOf = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '');

interface EngineAnswer {
  statusCode: number;
  reason: string;
}

/** Status and text of an error response; undefined for other errors. */
function engineAnswer(error: unknown): EngineAnswer | undefined {
  if (!(error instanceof Error) || !('statusCode' in error) || typeof error.statusCode !== 'number') {
    return undefined;
  }
  const json: unknown = 'json' in error ? error.json : undefined;
  const message =
    typeof json === 'object' && json !== null && 'message' in json && typeof json.message === 'string'
      ? json.message
      : error.message;
  return { statusCode: error.statusCode, reason: redact(message.trim()).slice(0, 2000) };
}

function requestFailure(error: unknown, request: string, endpoint: string): SandboxError {
  if (isSandboxError(error)) {
    return error;
  }
  const options = { cause: error };
  const answer = engineAnswer(error);
  if (answer) {
    return new SandboxError(
      'EngineFailed',
      { endpoint, request, status: answer.statusCode, reason: answer.reason },
      options,
    );
  }
  const code = codeOf(error);
  switch (code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ENOTSOCK':
      return new SandboxError('EngineNotFound', { tried: endpoint, reason: code }, options);
    case 'EACCES':
    case 'EPERM':
      return new SandboxError('EngineDenied', { endpoint }, options);
    default: {
      const reason = error instanceof Error ? error.message : String(error);
      return new SandboxError(
        'EngineFailed',
        { endpoint, request, status: 0, reason: redact(reason).slice(0, 2000) },
        options,
      );
    }
  }
}

const failedWith = (error: unknown, status: number, text?: RegExp): boolean =>
  isSandboxError(error, 'EngineFailed') &&
  error.params['status'] === status &&
  (!text || text.test(String(error.params['reason'])));

/** The requested container, image, network, volume or exec does not exist. */
export const isNotFound = (error: unknown): boolean =>
  failedWith(error, 404) ||
  failedWith(error, 500, /no such (container|image|network|volume|exec)|no container with name or id/i);
/** The name is in use. Docker answers 409, Podman 500. */
export const isNameTaken = (error: unknown): boolean =>
  failedWith(error, 409, /name/i) || failedWith(error, 500, /name .*already in use/i);
/** The container exists and does not run. Docker answers 409, Podman 409 or 500. */
export const isNotRunning = (error: unknown): boolean =>
  (failedWith(error, 409) || failedWith(error, 500)) &&
  isSandboxError(error) &&
  /is not running|container state improper|can only create exec sessions on running/i.test(
    String(error.params['reason']),
  ) &&
  !/paused/i.test(String(error.params['reason']));
/** The container is already being removed. */
export const isBeingRemoved = (error: unknown): boolean =>
  failedWith(error, 409, /already in progress/i) || failedWith(error, 500, /already in progress|is being removed/i);

/**
 * Podman has half removed a container, which happens if its creation was cancelled. Every list of containers fails until it is removed
 * again.
 */
export const isHalfRemoved = (error: unknown): boolean =>
  failedWith(error, 500, /container not known|does not exist in database/i);

const HALF_REMOVED_POLL_MS = 100;

/** Repeats a request that fails because of a half removed container. Another operation is removing that container. */
export async function retryWhileHalfRemoved<T>({ deadlines }: Requests, ask: () => Promise<T>): Promise<T> {
  const giveUp = performance.now() + deadlines['half removed container'];
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isHalfRemoved(error) || performance.now() > giveUp) {
        throw error;
      }
      await sleep(HALF_REMOVED_POLL_MS);
    }
  }
}

/** The engine's own reason for a failure, for messages; for a missing answer the time that it took, else the error's code. */
export function engineReason(error: unknown): string {
  if (!isSandboxError(error)) {
    return error instanceof Error ? error.message : String(error);
  }
  const {
    code,
    params: { reason, request, timeout },
  } = error;
  if (typeof reason === 'string') {
    return reason;
  }
  const isLate = code === 'EngineSilent' || code === 'EngineBusy';
  return isLate && request !== undefined ? `the container engine gave no answer within ${timeout} s` : code;
}
