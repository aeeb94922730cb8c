import type { Log } from '../log';
import { isSandboxError } from '../protocol/errors';
import { engineReason } from './request';

/**
 * Calls `work` for each name. If the engine refuses one of them, that is logged and the others are still handled. Rejects if the engine
 * does not answer, because it would not answer for the others either.
 * @param kind names the kind of object in the log, for example "libraries"
 */
export async function sweepEach(
  kind: string,
  names: Iterable<string>,
  work: (name: string) => Promise<void>,
  log: Log,
): Promise<void> {
  for (const name of names) {
    try {
      await work(name);
    } catch (error) {
      if (!isSandboxError(error, 'EngineFailed')) {
        throw error;
      }
      log.warn(`engine: ${kind} ${name} not swept, ${engineReason(error)}`);
    }
  }
}
