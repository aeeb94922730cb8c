import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import { SandboxError } from '../protocol/errors';
import { isBeingRemoved, isHalfRemoved, isNotFound, isNotRunning, type Requests } from './request';

const POLL_INTERVAL_MS = 50;

/**
 * Ends and removes a container with its anonymous volumes. Resolves when the container and its name no longer exist, also if they never
 * did. A container may remove itself at the same time; the engine then refuses to remove it again.
 */
export async function removeContainer(docker: Docker, requests: Requests, idOrName: string): Promise<void> {
  const container = docker.getContainer(idOrName);
  const {
    endpoint,
    deadlines: { removal, 'inspect removed container': longest },
  } = requests;
  let asked = false;
  for (let waited = 0; waited < removal;) {
    const began = performance.now();
    try {
      if (!asked) {
        await requests.run('remove container', (abortSignal) =>
          container.remove({ force: true, v: true, abortSignal }),
        );
      }
      asked = true;
      await requests.run('inspect removed container', (abortSignal) => container.inspect({ abortSignal } as object));
    } catch (error) {
      if (isNotFound(error)) {
        return;
      }
      // a container that ends between the engine's look and its kill is not removed by that request
      if (!isBeingRemoved(error) && !isHalfRemoved(error) && !isNotRunning(error)) {
        throw error;
      }
      asked = isBeingRemoved(error);
    }
    // time beyond the deadline of an inspection is due to a busy engine and does not count
    waited += POLL_INTERVAL_MS + Math.min(performance.now() - began, longest);
    await sleep(POLL_INTERVAL_MS);
  }
  throw new SandboxError('EngineSilent', { endpoint, request: 'remove container', timeout: removal / 1000 });
}
