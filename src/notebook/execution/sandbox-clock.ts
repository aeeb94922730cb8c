/**
 * Converts the supervisor's monotonic seconds to the local milliseconds of `Date.now()`. The offset comes from the
 * event that took the least time to arrive. It is measured again when it would place a cell before the time at which
 * the cell was requested, which happens after the computer slept.
 */
export class SandboxClock {
  #offset = Infinity;

  /** An event with this time has just arrived. */
  observe(seconds: number, now = Date.now()): void {
    this.#offset = Math.min(this.#offset, now - seconds * 1000);
  }

  /** Returns a time that is not before `earliest` and not in the future. */
  toLocal(seconds: number, earliest: number, now = Date.now()): number {
    if (!Number.isFinite(this.#offset) || seconds * 1000 + this.#offset < earliest) {
      this.#offset = now - seconds * 1000;
    }
    return Math.round(Math.min(Math.max(seconds * 1000 + this.#offset, earliest), now));
  }
}
