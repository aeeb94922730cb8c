import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds after which a ping counts as not answered, and between pings while an engine is late with an answer. */
const PING_DEADLINE_MS = 15_000;
const PING_INTERVAL_MS = 5_000;
/** Milliseconds between signs that what is late may be asked once more. */
const ASK_AGAIN_MS = 60_000;
/** Milliseconds before a request's deadline at which the engine is pinged: at the deadline it is known whether it answers. */
const PING_LEAD_MS = 5_000;

/** Why a request is given up: nothing of the engine is heard, or pings alone are answered. `waited`: milliseconds. */
export interface GivenUp {
  because: 'silent' | 'busy';
  waited: number;
}

/** How long an answer is waited for, in milliseconds: by itself, and at most while pings are answered. */
export interface Patience {
  deadline: number;
  limit: number;
}

/** Tells a busy engine from a silent one by pings, of which one at a time is on its way, however many requests wait for an answer. */
export class Pulse {
  #ping: Promise<boolean> | undefined;
  #late = 0;
  readonly #listeners = new Set<(isBusy: boolean) => void>();

  /** @param ping must hand its signal to the engine's client, which then drops the connection */
  constructor(private readonly ping: (signal: AbortSignal) => Promise<unknown>) {}

  /** The engine is late with an answer, and answers pings. */
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
   * Resolves when there is no use in waiting for an answer any longer; undefined: `enough` has aborted. Never rejects.
   * @param askAgain called when the engine turns out to be busy, and each minute after that
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

  /** Whether a ping that is on its way now, or is sent now, is answered in time. */
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

  /** One more request is late, until the returned function is called or the signal aborts, whichever is first. */
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

/** False: the signal has aborted. */
async function slept(milliseconds: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(Math.max(0, milliseconds), undefined, { signal });
    return true;
  } catch {
    return false;
  }
}
