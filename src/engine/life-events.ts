import type { IncomingMessage } from 'node:http';
import type Docker from 'dockerode';
import type { Log } from '../log';
import type { LifeEvent } from './engine';
import { engineReason, type Requests } from './request';
import { LABELS, SANDBOX_VERSION } from './specification';

/** Milliseconds between attempts to open the stream again; doubles up to the second. */
const BACK_OFF_MS = [250, 10_000] as const;
/** Bytes; an event's line is about one kilobyte. */
const MAX_LINE_CHARACTERS = 1024 * 1024;
/** Events that are remembered, so that none is told twice. */
const MAX_SEEN_EVENTS = 1_000;

/**
 * The engine's stream of what happens to our containers: one for all listeners, open while there are any. After a break it goes on
 * from the last event seen, as far as the engine remembers; so an event is a hint to look, and its absence proves nothing.
 */
export class LifeEvents {
  readonly #listeners = new Set<(event: LifeEvent) => void>();
  #stream: IncomingMessage | undefined;
  #opening: AbortController | undefined;
  #retry: NodeJS.Timeout | undefined;
  #wait: number = BACK_OFF_MS[0];
  /** The events that were told last, the oldest first: time, action and sandbox. */
  readonly #seen = new Set<string>();
  /** Engine's clock, `seconds.nanoseconds`, of the latest event, or of the stream's start. */
  #last = '';
  /** The stream broke, or could not be had again, also if nobody has listened since: whoever lost it may have given up before it was back. */
  #broken = false;

  /** @param back the engine is there again after a break: it may have been started anew */
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
            // Podman matches a label by its value only, and an end under its own name, `died`, which it then tells as `die`
            filters: {
              type: ['container'],
              label: [`${LABELS.version}=${SANDBOX_VERSION}`],
              event: [...ACTIONS, 'died'],
            },
            ...(this.#last ? { since: this.#last } : {}),
            abortSignal,
          };
          // the client's types know of a number only, which has no nanoseconds
          return this.docker.getEvents(options as object);
        },
        { signal: opening.signal },
      );
      if (opening.signal.aborted) {
        // nobody listens any more, or somebody has opened another one since
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
    // the engine's clock: what happens from now on is told again after a break
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
    } // after a break the engine tells the last ones again
    this.#seen.add(key);
    for (const oldest of this.#seen) {
      if (this.#seen.size <= MAX_SEEN_EVENTS) {
        break;
      }
      this.#seen.delete(oldest);
    }
    if (parsed.time > this.#last) {
      this.#last = parsed.time;
    } // containers end at the same time, and their events may come in another order
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

/** One line of the engine's event stream; undefined for what is no event of a sandbox. */
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
  // some engines tell one with every event
  const exitCode =
    Action === 'die' ? Number(attributes?.['exitCode'] ?? attributes?.['containerExitCode'] ?? NaN) : NaN;
  // nanoseconds are beyond a double's precision: taken from the text
  const nanoseconds = /"timeNano":(\d+)/.exec(line)?.[1] ?? (typeof timeNano === 'number' ? String(timeNano) : '0');
  const time = `${nanoseconds.slice(0, -9) || '0'}.${nanoseconds.slice(-9).padStart(9, '0')}`;
  return {
    event: { sandboxId, action: Action as LifeEvent['action'], exitCode: Number.isNaN(exitCode) ? null : exitCode },
    time,
  };
}
