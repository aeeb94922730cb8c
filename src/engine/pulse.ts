import { setTimeout as sleep } from 'node:timers/promises';

/** Deadline of a ping, and time between pings while an engine is late with an answer. */
const PING_DEADLINE_MS = 15_000;
const PING_INTERVAL_MS = 5_000;
/** Time between the calls of `askAgain` while the engine is busy. */
const ASK_AGAIN_MS = 60_000;
/** The engine is pinged this long before a request's deadline, so that it is known at the deadline whether the engine answers. */
const PING_LEAD_MS = 5_000;

/** Why a request is abandoned: the engine answers nothing, or only pings. `waited`: milliseconds. */
export interface GivenUp {
  because: 'silent' | 'busy';
  waited: number;
}

/** How long to wait for an answer, in milliseconds: the usual deadline, and the limit while the engine answers pings. */
export interface Patience {
  deadline: number;
  limit: number;
}

/** Distinguishes a busy engine from a silent one with pings. It sends one ping at a time, however many requests wait for an answer. */
export class Pulse {
  #ping: Promise<boolean> | undefined;
  #late = 0;
  readonly #listeners = new Set<(isBusy: boolean) => void>();

  /** @param ping must pass its signal to the engine's client, which then drops the connection */
  constructor(private readonly ping: (signal: AbortSignal) => Promise<unknown>) {}

  /** Whether the engine answers pings but is late with an answer. */
  get isBusy(): boolean {
    return this.#late > 0;
  }

  onBusy(listener: (isBusy: boolean) => void): { dispose(): void } {
    const entry = (isBusy: boolean): void => {
      listener(isBusy);
    };
    this.#listeners.add(entry);
    return {
      dispose: () => {
        this.#listeners.delete(entry);
      },
    };
  }

  /**
   * Resolves when the request is to be abandoned; with undefined if `enough` aborts first. Never rejects.
   * @param askAgain called when the engine turns out to be busy, and every minute afterwards
   */
  async outlast(
    { deadline, limit }: Patience,
    enough: AbortSignal,
    askAgain: () => void = () => undefined,
  ): Promise<GivenUp | undefined> {
    const started = performance.now();
    const waited = (): number => performance.now() - started;
    const lead = Math.min(PING_LEAD_MS, deadline / 2);
    if (!(await slept(deadline - lead, enough))) {
      return undefined;
    }
    const isAlive = limit > deadline && (await this.#answers(lead));
    if (!(await slept(deadline - waited(), enough))) {
      return undefined;
    }
    if (!isAlive) {
      return { because: 'silent', waited: deadline };
    }
    const over = this.#isLate(enough);
    let asked = -Infinity;
    try {
      while (waited() < limit) {
        if (waited() - asked >= ASK_AGAIN_MS) {
          asked = waited();
          askAgain();
        }
        if (!(await slept(Math.min(PING_INTERVAL_MS, limit - waited()), enough))) {
          return undefined;
        }
        if (!(await this.#answers(PING_DEADLINE_MS))) {
          return enough.aborted ? undefined : { because: 'silent', waited: waited() };
        }
      }
      return { because: 'busy', waited: limit };
    } finally {
      over();
    }
  }

  /** Whether the current ping, or a new one, is answered in time. */
  async #answers(milliseconds: number): Promise<boolean> {
    this.#ping ??= this.#send().finally(() => {
      this.#ping = undefined;
    });
    const enough = new AbortController();
    try {
      return await Promise.race([this.#ping, slept(milliseconds, enough.signal).then(() => false)]);
    } finally {
      enough.abort();
    }
  }

  async #send(): Promise<boolean> {
    const drop = new AbortController();
    const timer = setTimeout(() => {
      drop.abort();
    }, PING_DEADLINE_MS);
    try {
      return await Promise.race([
        this.ping(drop.signal).then(() => true),
        new Promise<false>((resolve) => {
          drop.signal.addEventListener(
            'abort',
            () => {
              resolve(false);
            },
            { once: true },
          );
        }),
      ]);
    } catch {
      return false;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Counts one more late request until the returned function is called or the signal aborts, whichever comes first. */
  #isLate(enough: AbortSignal): () => void {
    let isOver = false;
    const over = (): void => {
      if (isOver) {
        return;
      }
      isOver = true;
      enough.removeEventListener('abort', over);
      this.#became(-1);
    };
    enough.addEventListener('abort', over);
    this.#became(1);
    return over;
  }

  #became(change: 1 | -1): void {
    const before = this.isBusy;
    this.#late += change;
    if (this.isBusy !== before) {
      for (const listener of [...this.#listeners]) {
        listener(this.isBusy);
      }
    }
  }
}

/** Waits. False if the signal aborts first. */
async function slept(milliseconds: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(Math.max(0, milliseconds), undefined, { signal });
    return true;
  } catch {
    return false;
  }
}
