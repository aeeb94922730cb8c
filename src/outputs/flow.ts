import type { SandboxEvent } from '../protocol/messages';
import { EventBatcher } from './batcher';
import type { NotebookOutputs } from './notebook-outputs';
import { Redraws } from './redraws';
import { EventSteps } from './steps';
import type { RunEdit } from './types';

/** What the owner of an {@link OutputFlow} does with the events of a notebook besides folding them into its outputs. */
export interface FlowCallbacks {
  /** Shows the changes. */
  write(edits: readonly RunEdit[]): void;
  /** The number of runs that have not ended, according to what was shown so far. */
  countOpenRuns(): number;
  /** Whether the event belongs to a run that a cell shows. */
  isOfRun(event: SandboxEvent): boolean;
  /** The event is about to be shown. */
  willShow(event: SandboxEvent): void;
  /** The event has been shown. */
  didShow(event: SandboxEvent): void;
}

/** Passes a notebook's events from its sandbox to its cells, at a rate that the window can keep up with. */
export class OutputFlow {
  readonly #batcher = new EventBatcher((event) => this.show(event));
  readonly #steps: EventSteps;
  readonly #redraws: Redraws;

  constructor(
    private readonly outputs: NotebookOutputs,
    private readonly callbacks: FlowCallbacks,
  ) {
    this.#steps = new EventSteps(
      (event) => {
        this.#batcher.add(event);
      },
      () => callbacks.countOpenRuns(),
    );
    this.#redraws = new Redraws(outputs, (edits) => {
      callbacks.write(edits);
    });
  }

  /** Takes an event. Text waits a moment for more text, and events of quick cells wait for those of the cells after them. */
  add(event: SandboxEvent): void {
    this.#steps.add(event);
  }

  /** Shows all events that wait, however long that takes. */
  flush(): void {
    this.#steps.flush();
    this.#batcher.flush();
  }

  /** Shows the text that waits for more text. */
  flushText(): void {
    this.#batcher.flush();
  }

  /** Resolves when all events so far are shown, except for the last text. */
  passed(): Promise<void> {
    return this.#steps.passed();
  }

  /** Shows an event at once. */
  show(event: SandboxEvent): void {
    const { outputs, callbacks } = this;
    callbacks.willShow(event);
    if (event.msg_type === 'execute_reply' && callbacks.isOfRun(event)) {
      this.#redraws.flush(); // the cell ends with the current state of its widgets
    }
    callbacks.write(outputs.fold(event));
    this.#redraws.ask();
    callbacks.didShow(event);
  }
}
