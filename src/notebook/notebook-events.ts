import type { Log } from '../log';
import type { ExecuteReply, SandboxEvent } from '../protocol/messages';
import { Listeners } from '../session/listeners';
import type { SandboxSession } from '../session/types';
import type { CellRun, Executions } from './execution/executions';

/** What happens in the sandbox and the cells of one notebook, by the name of the event. */
export interface NotebookEventMap {
  /** An event has arrived from the sandbox of this window. It is shown later. */
  received: SandboxEvent;
  /** The next event is about to change the cells. */
  willShow: SandboxEvent;
  /** The event has changed the cells. */
  didShow: SandboxEvent;
  /** A run has ended in this window, and its cell shows all of its output. */
  didEndRun: { session: SandboxSession; run: CellRun; reply: ExecuteReply };
  /** The notebook has lost its sandbox: it ended although the user did not end it, or belongs to another window. */
  didLoseSandbox: undefined;
  /** The status of the notebook's sandbox may have changed. */
  didChangeStatus: undefined;
}
type EventName = keyof NotebookEventMap;

/** What listeners can ask while an event is delivered. */
export interface NotebookState {
  /** Undefined while the notebook has no sandbox. */
  readonly session: SandboxSession | undefined;
  readonly executions: Executions;
}

/** The part of {@link NotebookEvents} that listeners see. */
export type NotebookEventSource = Pick<NotebookEvents, 'on'>;

/**
 * The event hub of one notebook. Widgets, debuggers and others listen here, so that the notebook's kernel knows none
 * of them.
 *
 * Delivery is synchronous and in the order in which the listeners were added. Each event of the sandbox is delivered
 * as `received`, `willShow` and `didShow`, in this order; text that arrives in many small events is shown as one. An
 * error of a listener is logged and reaches neither the other listeners nor the notebook.
 */
export class NotebookEvents {
  readonly #listeners: { readonly [Name in EventName]: Listeners<NotebookEventMap[Name]> };

  constructor(log: Log) {
    this.#listeners = {
      received: new Listeners(log),
      willShow: new Listeners(log),
      didShow: new Listeners(log),
      didEndRun: new Listeners(log),
      didLoseSandbox: new Listeners(log),
      didChangeStatus: new Listeners(log),
    };
  }

  on<Name extends EventName>(name: Name, listener: (value: NotebookEventMap[Name]) => void): { dispose(): void } {
    return this.#listeners[name].add(listener);
  }

  emit<Name extends EventName>(name: Name, value: NotebookEventMap[Name]): void {
    this.#listeners[name].emit(value);
  }
}
