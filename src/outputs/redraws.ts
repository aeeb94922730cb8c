import type { NotebookOutputs } from './notebook-outputs';
import type { RunEdit } from './types';

/** Milliseconds between two drawings of widgets: nobody sees more than 20 a second. */
const REDRAW_INTERVAL_MS = 50;

/** Draws the widgets of a notebook anew when they have changed, at most 20 times a second and a bounded part of them each time. */
export class Redraws {
  #timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly outputs: NotebookOutputs,
    private readonly write: (edits: RunEdit[]) => void,
    private readonly interval = REDRAW_INTERVAL_MS,
  ) {}

  /** Events were folded: widgets may have changed. */
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
    this.ask(); // what was too much for once
  }
}
