import { randomInt } from 'node:crypto';
import { SANDBOX_UIDS } from '../../engine/specification';
import { SandboxError } from '../../protocol/errors';

/**
 * A uid that no sandbox of the engine uses. The kernel limits inotify instances, processes and pipe buffers per uid, so two sandboxes
 * with the same uid could block each other. The search starts at a random uid, so that two windows rarely choose the same one.
 */
export function freeUid(used: ReadonlySet<number>, random: (below: number) => number = randomInt): number {
  const { first, last } = SANDBOX_UIDS;
  const span = last - first + 1;
  const start = random(span);
  for (let step = 0; step < span; step++) {
    const uid = first + ((start + step) % span);
    if (!used.has(uid)) {
      return uid;
    }
  }
  throw new SandboxError('StartFailed', { reason: 'no free uid' });
}
