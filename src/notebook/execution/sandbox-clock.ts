/**
 * Tells the supervisor's monotonic seconds in the local milliseconds of `Date.now()`. The event that took the least time
 * to arrive gives the offset; it is taken anew when it puts a cell before the moment that it was asked for, as it does
 * after the machine slept.
 */
export class SandboxClock {
  #offset = Infinity;

  /** An event with this time just arrived. */
  observe(seconds: number, now = Date.now()): void {
    this.#offset = Math.min(this.#offset, now - seconds * 1000);
  }

  /** Never before `earliest`, never in the future. */
  toLocal(seconds: number, earliest: number, now = Date.now()): number {
    if (!Number.isFinite(this.#offset) || seconds * 1000 + this.#offset < earliest) {
      this.#offset = now - seconds * 1000;
    }
    return Math.round(Math.min(Math.max(seconds * 1000 + this.#offset, earliest), now));
  }
}
