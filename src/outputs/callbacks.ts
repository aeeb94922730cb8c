import type { SandboxEvent } from '../protocol/messages';

/** Comms whose cell is remembered, and messages to them. */
const MAX_COMMS = 10_000;
const MAX_MESSAGES = 1_000;

/**
 * What a comm's callbacks print or raise has the message that called them as its parent. It is shown where the comm comes from:
 * in the cell that opened it, as Jupyter's front ends do for a widget's.
 */
export class Callbacks {
  /** By comm: the run that opened it. */
  readonly #owners = new Map<string, string>();
  /** By message that a front end sent: the run that its output is shown with. */
  readonly #runs = new Map<string, string>();

  hear(event: SandboxEvent): void {
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

  /** The run whose cell shows what has this parent. */
  runOf(parent: string): string {
    return this.#runs.get(parent) ?? parent;
  }
}

function remember(map: Map<string, string>, key: string, value: string, most: number): void {
  map.delete(key);
  map.set(key, value);
  for (const oldest of map.keys()) {
    if (map.size <= most) {
      return;
    }
    map.delete(oldest);
  }
}
