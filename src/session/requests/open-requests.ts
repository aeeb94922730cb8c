import { SandboxError } from '../../protocol/errors';
import type { AnswerMetadata, SandboxEvent } from '../../protocol/messages';

export interface OpenRequestOptions {
  operation: 'interrupt' | 'reset' | 'answer' | 'query' | 'comm';
  /** Milliseconds until the request fails. */
  deadline: number;
  /** The answer is not logged, so it is lost when the stream is cut. */
  unlogged?: boolean;
  signal?: AbortSignal | undefined;
  /** The kernel that gets the request; default: the sandbox's first kernel. */
  kernel?: string | undefined;
  /** Metadata of the command, which is logged. */
  metadata?: AnswerMetadata | undefined;
}

interface OpenRequest {
  unlogged: boolean;
  resolve: (answer: SandboxEvent) => void;
  reject: (failure: SandboxError) => void;
}

/** Requests that wait for one answer with their id. Each settles once, at the latest at its deadline. */
export class OpenRequests {
  readonly #open = new Map<string, OpenRequest>();

  get size(): number {
    return this.#open.size;
  }

  open(msgId: string, { operation, deadline, unlogged = false, signal }: OpenRequestOptions): Promise<SandboxEvent> {
    return new Promise((resolve, reject) => {
      const cancel = () => {
        this.fail(msgId, new SandboxError('Cancelled'));
      };
      const timer = setTimeout(() => {
        this.fail(msgId, new SandboxError('SandboxSilent', { operation, seconds: deadline / 1000 }));
      }, deadline);
      const close = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', cancel);
        this.#open.delete(msgId);
      };
      this.#open.set(msgId, {
        unlogged,
        resolve: (answer) => {
          close();
          resolve(answer);
        },
        reject: (failure) => {
          close();
          reject(failure);
        },
      });
      if (signal?.aborted) {
        cancel();
      } else {
        signal?.addEventListener('abort', cancel);
      }
    });
  }

  answer(event: SandboxEvent): void {
    this.#open.get(event.parent_header.msg_id)?.resolve(event);
  }

  fail(msgId: string, failure: SandboxError): void {
    this.#open.get(msgId)?.reject(failure);
  }

  failUnlogged(failure: SandboxError): void {
    for (const [msgId, request] of [...this.#open]) {
      if (request.unlogged) {
        this.fail(msgId, failure);
      }
    }
  }

  failAll(failure: SandboxError): void {
    for (const msgId of [...this.#open.keys()]) {
      this.fail(msgId, failure);
    }
  }
}
