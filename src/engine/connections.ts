import { AsyncLocalStorage } from 'node:async_hooks';
import { Agent } from 'node:http';
import type { Duplex } from 'node:stream';

/** Time after the end of a connection in which its last bytes may still complete an answer. */
const LAST_BYTES_MS = 250;

/** Called when the connection of the request that is being sent has ended. */
const closed = new AsyncLocalStorage<() => void>();

/**
 * Sends a request through an {@link EngineAgent}. Rejects if the connection ends before the answer is complete. The engine's client itself
 * does not report a connection that ends in the middle of an answer.
 */
export async function overOneConnection<T>(send: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  let isAnswered = false;
  try {
    return await new Promise<T>((resolve, reject) => {
      const lost = (): void => {
        if (isAnswered) {
          return;
        }
        timer = setTimeout(() => {
          reject(Object.assign(new Error('the connection ended before the answer did'), { code: 'ECONNRESET' }));
        }, LAST_BYTES_MS);
      };
      closed.run(lost, send).then(resolve, reject);
    });
  } finally {
    isAnswered = true;
    clearTimeout(timer);
  }
}

/** Opens one connection for each request: a kept connection is broken after a restart of the engine, and opening one takes 0.1 ms. */
export class EngineAgent extends Agent {
  constructor() {
    super({ keepAlive: false });
  }

  override createConnection(
    ...parameters: Parameters<Agent['createConnection']>
  ): ReturnType<Agent['createConnection']> {
    const connection = super.createConnection(...parameters);
    const lost = closed.getStore();
    if (lost) {
      (connection as Duplex | undefined)?.once('close', lost);
    }
    return connection;
  }
}
