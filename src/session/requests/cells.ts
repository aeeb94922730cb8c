import type { ExecuteReply, JsonObject, SandboxEvent } from '../../protocol/messages';
import type { CellExecution, OpenCell } from '../types';

interface PendingCell {
  msgId: string;
  kernel: string;
  /** The metadata of its execute_request. */
  metadata: JsonObject;
  /** The encoded command, kept until the cell's reply: it is sent again after a gap in the log to get the reply. */
  line: string;
  /** Whether the user has been told that part of the output is missing. */
  complained: boolean;
  settle: (reply: ExecuteReply) => void;
}

/** Number of cells whose kernel generation is remembered. It filters late output of an older kernel. */
const MAX_REMEMBERED_CELLS = 1_000;

/** The cells of a session that have no reply yet. Each cell gets exactly one reply. */
export class Cells {
  readonly #open = new Map<string, PendingCell>();
  /** Generation of the kernel that started each cell, by kernel and msg_id: each kernel counts its own generations. */
  readonly #gens = new Map<string, number>();

  get size(): number {
    return this.#open.size;
  }

  open({ msgId, kernel, metadata }: OpenCell, line: string): CellExecution {
    const reply = new Promise<ExecuteReply>((settle) => {
      this.#open.set(msgId, { msgId, kernel, metadata, line, complained: false, settle });
    });
    return { msgId, kernel, reply };
  }

  isOpen(msgId: string): boolean {
    return this.#open.has(msgId);
  }

  /** The open cells of a kernel, or of all kernels, in the order in which they were sent. */
  ids(kernel?: string): string[] {
    return [...this.#open.values()]
      .filter((cell) => kernel === undefined || cell.kernel === kernel)
      .map(({ msgId }) => msgId);
  }

  /** The first open cell of each kernel that has any, by kernel. */
  oldest(): Map<string, string> {
    return new Map([...this.#open.values()].reverse().map(({ kernel, msgId }) => [kernel, msgId]));
  }

  /** The kernel of an open cell. */
  kernel(msgId: string): string | undefined {
    return this.#open.get(msgId)?.kernel;
  }

  metadata(msgId: string): JsonObject {
    return this.#open.get(msgId)?.metadata ?? {};
  }

  line(msgId: string): string | undefined {
    return this.#open.get(msgId)?.line;
  }

  /** The open cells of the same run and kernel as this cell, including the cell itself. */
  run(msgId: string): string[] {
    const { runId } = this.metadata(msgId);
    return this.ids(this.kernel(msgId)).filter(
      (id) => id === msgId || (typeof runId === 'string' && this.metadata(id)['runId'] === runId),
    );
  }

  /** True for the first call for an open cell, false afterwards. */
  complain(msgId: string): boolean {
    const cell = this.#open.get(msgId);
    if (!cell || cell.complained) {
      return false;
    }
    cell.complained = true;
    return true;
  }

  settle(msgId: string, reply: ExecuteReply): void {
    this.#open.get(msgId)?.settle(reply);
    this.#open.delete(msgId);
  }

  settleAll(reply: ExecuteReply): void {
    for (const msgId of this.ids()) {
      this.settle(msgId, reply);
    }
  }

  /** False if the event comes from an older generation of its kernel than the one that started its cell. */
  admits(event: SandboxEvent): boolean {
    const msgId = event.parent_header.msg_id;
    if (msgId === '') {
      return true;
    }
    const key = `${event.kernel}/${msgId}`;
    const gen = this.#gens.get(key);
    if (gen !== undefined && event.gen < gen) {
      return false;
    }
    if (event.msg_type === 'execute_input' && gen === undefined) {
      this.#gens.set(key, event.gen);
      for (const oldest of this.#gens.keys()) {
        if (this.#gens.size <= MAX_REMEMBERED_CELLS) {
          break;
        }
        this.#gens.delete(oldest);
      }
    }
    return true;
  }
}
