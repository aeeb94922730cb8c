import type { IncomingMessage } from 'node:http';
import type Docker from 'dockerode';
import type { Log } from '../log';
import type { LifeEvent } from './engine';
import { engineReason, type Requests } from './request';
import { LABELS, SANDBOX_VERSION } from './specification';

/** Shortest and longest pause before the stream is opened again. The pause doubles each time. */
const BACK_OFF_MS = [250, 10_000] as const;
/** Maximum length of a line. The line of an event is about one kilobyte. */
const MAX_LINE_CHARACTERS = 1024 * 1024;
/** Number of events that are remembered, so that none is reported twice. */
const MAX_SEEN_EVENTS = 1_000;

/**
 * The engine's stream of events of our containers. All listeners share one stream, which is open while there are listeners. After a break
 * it continues after the last event, as far as the engine remembers. So an event is only a hint, and a missing event proves nothing.
 */
export class LifeEvents {
  readonly #listeners = new Set<(event: LifeEvent) => void>();
  #stream: IncomingMessage | undefined;
  #opening: AbortController | undefined;
  #retry: NodeJS.Timeout | undefined;
  #wait: number = BACK_OFF_MS[0];
  /** The latest events, the oldest first: time, action and sandbox. */
  readonly #seen = new Set<string>();
  /** Time of the latest event or of the stream's start, by the engine's clock: `seconds.nanoseconds`. */
  #last = '';
  /** Whether the stream broke or could not be opened. It stays set without listeners, which may have left before the engine was back. */
  #broken = false;

  /** @param back called when the stream is open again after a break: the engine may have been restarted */
  constructor(
    private readonly docker: Docker,
    private readonly requests: Requests,
    private readonly log: Log,
    private readonly back: () => void = () => undefined,
  ) {}

  listen(listener: (event: LifeEvent) => void): { dispose(): void } {
    const entry = (event: LifeEvent): void => listener(event);
    this.#listeners.add(entry);
    if (this.#listeners.size === 1) {
      void this.#open();
    }
    return {
      dispose: () => {
        if (this.#listeners.delete(entry) && this.#listeners.size === 0) {
          this.#close();
        }
      },
    };
  }

  dispose(): void {
    this.#listeners.clear();
    this.#close();
  }

  #close(): void {
    clearTimeout(this.#retry);
    this.#opening?.abort();
    this.#opening = undefined;
    this.#stream?.destroy();
    this.#stream = undefined;
    this.#wait = BACK_OFF_MS[0];
    this.#last = '';
  }

  async #open(): Promise<void> {
    const opening = new AbortController();
    this.#opening = opening;
    try {
      const stream = await this.requests.run(
        'events',
        (abortSignal) => {
          const options = {
            // Podman matches a label only together with its value; it filters ends by its own name `died` and reports them as `die`
            filters: {
              type: ['container'],
              label: [`${LABELS.version}=${SANDBOX_VERSION}`],
              event: [...ACTIONS, 'died'],
            },
            ...(this.#last ? { since: this.#last } : {}),
            abortSignal,
          };
          // the client's types allow only a number, which has no nanoseconds
          return this.docker.getEvents(options as object);
        },
        { signal: opening.signal },
      );
      if (opening.signal.aborted) {
        // there are no listeners any more, or another stream has been opened since
        (stream as IncomingMessage).destroy();
        return;
      }
      const isBack = this.#broken;
      this.#broken = false;
      this.#follow(stream as IncomingMessage);
      if (isBack) {
        this.back();
      }
    } catch (error) {
      if (opening.signal.aborted) {
        return;
      }
      this.#broken = true;
      this.log.debug(`engine: events not available, ${engineReason(error)}`);
      this.#openLater();
    }
  }

  #openLater(): void {
    if (this.#listeners.size === 0) {
      return;
    }
    this.#retry = setTimeout(() => void this.#open(), this.#wait).unref();
    this.#wait = Math.min(this.#wait * 2, BACK_OFF_MS[1]);
  }

  #follow(stream: IncomingMessage): void {
    this.#stream = stream;
    // by the engine's clock: later events are requested again after a break
    const opened = Math.floor(Date.parse(stream.headers.date ?? '') / 1000);
    if (!this.#last && opened > 0) {
      this.#last = `${opened}.000000000`;
    }
    let line = '';
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => {
      this.#wait = BACK_OFF_MS[0];
      const lines = (line + text).split('\n');
      line = lines.pop() ?? '';
      if (line.length > MAX_LINE_CHARACTERS) {
        stream.destroy();
      }
      for (const complete of lines) {
        this.#receive(complete);
      }
    });
    stream.on('error', () => undefined);
    stream.on('close', () => {
      if (this.#stream !== stream) {
        return;
      }
      this.#stream = undefined;
      this.#broken = true;
      this.#openLater();
    });
  }

  #receive(line: string): void {
    const parsed = parseLifeEvent(line);
    if (!parsed) {
      return;
    }
    const key = `${parsed.time} ${parsed.event.action} ${parsed.event.sandboxId}`;
    if (this.#seen.has(key)) {
      return;
    } // after a break the engine sends the last events again
    this.#seen.add(key);
    for (const oldest of this.#seen) {
      if (this.#seen.size <= MAX_SEEN_EVENTS) {
        break;
      }
      this.#seen.delete(oldest);
    }
    if (parsed.time > this.#last) {
      this.#last = parsed.time;
    } // events of containers that end at the same time may come out of order
    for (const listener of [...this.#listeners]) {
      try {
        listener(parsed.event);
      } catch (error) {
        this.log.error(`engine: a listener of life events failed: ${String(error)}`);
      }
    }
  }
}

const ACTIONS: ReadonlySet<string> = new Set<LifeEvent['action']>(['die', 'oom', 'pause', 'unpause']);

/** Parses one line of the engine's event stream. Undefined if it is not an event of a sandbox. */
export function parseLifeEvent(line: string): { event: LifeEvent; time: string } | undefined {
  let message: unknown;
  try {
    message = JSON.parse(line);
  } catch {
    return undefined;
  }
  const { Action, Actor, timeNano } = (message ?? {}) as {
    Action?: unknown;
    Actor?: { Attributes?: Record<string, unknown> };
    timeNano?: unknown;
  };
  const attributes = Actor?.Attributes;
  const sandboxId = attributes?.[LABELS.sandbox];
  if (typeof Action !== 'string' || !ACTIONS.has(Action) || typeof sandboxId !== 'string') {
    return undefined;
  }
  // some engines send an exit code with every event
  const exitCode =
    Action === 'die' ? Number(attributes?.['exitCode'] ?? attributes?.['containerExitCode'] ?? NaN) : NaN;
  // taken from the text, because nanoseconds exceed the precision of a double
  const nanoseconds = /"timeNano":(\d+)/.exec(line)?.[1] ?? (typeof timeNano === 'number' ? String(timeNano) : '0');
  const time = `${nanoseconds.slice(0, -9) || '0'}.${nanoseconds.slice(-9).padStart(9, '0')}`;
  return {
    event: { sandboxId, action: Action as LifeEvent['action'], exitCode: Number.isNaN(exitCode) ? null : exitCode },
    time,
  };
}
