import type { NotebookOutputs } from './notebook-outputs';
import type { RunEdit } from './types';

/** Interval between two redraws of widgets: nobody sees more than 20 per second. */
const REDRAW_INTERVAL_MS = 50;

/** Redraws the widgets of a notebook after they have changed, at most 20 times a second and a bounded part of them each time. */
export class Redraws {
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly outputs: NotebookOutputs,
    private readonly write: (edits: RunEdit[]) => void,
    private readonly interval = REDRAW_INTERVAL_MS,
  ) {}

  /** Schedules a redraw if widgets have changed. Call it after events were folded. */
  ask(): void {
    if (this.outputs.needsRedraw) {
      this.#timer ??= setTimeout(() => this.flush(), this.interval);
    }
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.outputs.needsRedraw) {
      return;
    }
    this.write(this.outputs.redraw());
    this.ask(); // for the widgets that this redraw left out
  }
}
