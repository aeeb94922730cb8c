import type { SandboxEvent } from '../protocol/messages';

/** Maximum number of comms whose cell is remembered, and of messages to comms. */
const MAX_COMMS = 10_000;
const MAX_MESSAGES = 1_000;

/**
 * The output of a comm's callbacks has the message that called them as its parent. It is shown in the cell that opened the comm, as
 * Jupyter's front ends do for widgets.
 */
export class Callbacks {
  /** The run that opened each comm. */
  readonly #owners = new Map<string, string>();
  /** For each message that a front end sent to a comm: the run whose cell shows its output. */
  readonly #runs = new Map<string, string>();

  handle(event: SandboxEvent): void {
    const parent = event.parent_header.msg_id;
    if (event.msg_type === 'comm_open') {
      remember(this.#owners, event.content.comm_id, this.#runs.get(parent) ?? parent, MAX_COMMS);
    }
    if (event.msg_type === 'status' && event.content.comm_id !== undefined) {
      const owner = this.#owners.get(event.content.comm_id);
      if (owner !== undefined) {
        remember(this.#runs, parent, owner, MAX_MESSAGES);
      }
    }
  }

  /** The run whose cell shows the output with this parent. */
  runOf(parent: string): string {
    return this.#runs.get(parent) ?? parent;
  }
}

function remember(map: Map<string, string>, key: string, value: string, maxSize: number): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= maxSize) {
      return;
    }
    map.delete(oldest);
  }
}
