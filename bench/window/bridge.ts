import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import type { Readable, Writable } from 'node:stream';

/** The parts of a Jupyter message that this benchmark reads. */
export interface Message {
  readonly header: { readonly msg_type: string };
  readonly parent_header: { readonly msg_id?: string };
  readonly content: Readonly<Record<string, unknown>>;
}

interface Running {
  readonly hear: (message: Message) => void;
  readonly resolve: (success: boolean) => void;
  readonly reject: (error: Error) => void;
  success: boolean | undefined;
  isIdle: boolean;
}

/** Number of bytes of the length in front of each message. */
const LENGTH_BYTES = 4;

/** The other end of `ipykernel_bridge.py`: one process for all kernels. */
export class Bridge {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  /** Running requests by their id. */
  readonly #running = new Map<string, Running>();
  #chunks: Buffer[] = [];
  #size = 0;

  /**
   * @param python a Python interpreter with ipykernel and jupyter_client
   * @param python an interpreter that has ipykernel and jupyter_client
   */
  constructor(python: string) {
    this.#child = spawn(python, [path.join(__dirname, '../../../bench/window/ipykernel_bridge.py')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child.stdout.on('data', (chunk: Buffer) => {
      this.#take(chunk);
    });
    this.#child.once('exit', (code) => {
      for (const { reject } of this.#running.values()) {
        reject(new Error(`the bridge to ipykernel ended with ${code}`));
      }
    });
  }

  /**
   * Runs code in the kernel of that name, which is started if it does not exist.
   * @param hear is called with every message that belongs to the code
   * @returns whether the code succeeded; resolves when its reply and its last output have arrived
   */
  execute(kernel: string, code: string, hear: (message: Message) => void): Promise<boolean> {
    const request = randomUUID();
    return new Promise((resolve, reject) => {
      this.#running.set(request, { hear, resolve, reject, success: undefined, isIdle: false });
      this.#send({ op: 'execute', kernel, request, code });
    });
  }

  stop(kernel: string): void {
    this.#send({ op: 'stop', kernel });
  }

  dispose(): void {
    this.#child.stdin.end();
  }

  #send(message: object): void {
    this.#child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    while (this.#size >= LENGTH_BYTES) {
      const end = LENGTH_BYTES + this.#first(LENGTH_BYTES).readUInt32BE(0);
      if (this.#size < end) {
        return;
      }
      const all = this.#first(end);
      this.#chunks[0] = all.subarray(end);
      this.#size -= end;
      this.#hear(JSON.parse(all.toString('utf8', LENGTH_BYTES, end)) as Message);
    }
  }

  /**
   * Returns the first chunk with at least this number of bytes; chunks are joined only if the first one is too short.
   */
  #first(bytes: number): Buffer {
    const [first = Buffer.alloc(0)] = this.#chunks;
    if (first.length >= bytes) {
      return first;
    }
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }

  #hear(message: Message): void {
    const {
      header,
      parent_header: { msg_id: request = '' },
      content,
    } = message;
    const running = this.#running.get(request);
    if (running === undefined) {
      return;
    }
    if (header.msg_type === 'execute_reply') {
      running.success = content['status'] === 'ok';
    } else if (header.msg_type === 'status') {
      running.isIdle = content['execution_state'] === 'idle';
    } else {
      running.hear(message);
    }
    if (running.isIdle && running.success !== undefined) {
      this.#running.delete(request);
      running.resolve(running.success);
    }
  }
}
