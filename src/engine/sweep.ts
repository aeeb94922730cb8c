import type { Log } from '../log';
import { isSandboxError } from '../protocol/errors';
import { engineReason } from './request';

/**
 * Does the same for each of these names. What the engine refuses for one of them keeps none of the others from it, and is told in the log.
 * Rejects where the engine does not answer: it would not answer for the rest either.
 * @param kind for the log, as "libraries"
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
