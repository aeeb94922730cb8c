import type { SandboxEvent } from '../protocol/messages';
import { EventBatcher } from './batcher';
import type { NotebookOutputs } from './notebook-outputs';
import { Redraws } from './redraws';
import { EventSteps } from './steps';
import type { RunEdit } from './types';

/** What is done with the events of a notebook besides folding them into its outputs. */
export interface Around {
  /** Shows what has changed. */
  write(edits: readonly RunEdit[]): void;
  /** How many runs have not ended, by what was shown so far. */
  runs(): number;
  /** Whether the event belongs to a run that a cell shows. */
  isOfRun(event: SandboxEvent): boolean;
  /** The event is about to be shown. */
  comes(event: SandboxEvent): void;
  /** The event has been shown. */
  isShown(event: SandboxEvent): void;
}

/** The way of a notebook's events from its sandbox to what its cells show, at a pace that a window can keep up with. */
export class OutputFlow {
  readonly #batcher = new EventBatcher((event) => this.show(event));
  readonly #steps: EventSteps;
  readonly #redraws: Redraws;

  constructor(
    private readonly outputs: NotebookOutputs,
    private readonly around: Around,
  ) {
    this.#steps = new EventSteps(
      (event) => {
        this.#batcher.add(event);
      },
      () => around.runs(),
    );
    this.#redraws = new Redraws(outputs, (edits) => {
      around.write(edits);
    });
  }

  /** An event has come. Text waits a moment for more of it, and events of quick cells for those behind them. */
  add(event: SandboxEvent): void {
    this.#steps.add(event);
  }

  /** Shows all that waits, however long that takes. */
  flush(): void {
    this.#steps.flush();
    this.#batcher.flush();
  }

  /** Shows the text that waits for more of it. */
  flushText(): void {
    this.#batcher.flush();
  }

  /** Resolves when everything but the last text of what has come so far is shown. */
  passed(): Promise<void> {
    return this.#steps.passed();
  }

  /** Shows an event at once. */
  show(event: SandboxEvent): void {
    const { outputs, around } = this;
    around.comes(event);
    if (event.msg_type === 'execute_reply' && around.isOfRun(event)) {
      this.#redraws.flush();
    } // the cell ends with its widgets as they are
    around.write(outputs.fold(event));
    this.#redraws.ask();
    around.isShown(event);
  }
}
