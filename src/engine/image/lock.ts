import { setTimeout as sleep } from 'node:timers/promises';
import { SandboxError } from '../../protocol/errors';
import type { Progress } from '../progress';
import { isNotFound } from '../request';
import { BuildContainer, removeBuildContainer } from './build-container';
import type { ImageContext } from './context';
import { imageFailed } from './failures';
import { inspectImage } from './tags';

const POLL_INTERVAL_MS = 300;
/** A container that was created and not started for this long is abandoned. */
const ABANDONED_AFTER_MS = 60_000;

export interface Build {
  /** Tag of the image that is built. */
  tag: string;
  /** Image that it is built from. */
  from: string;
  /** The base as the user named it, for messages. */
  base: string;
  network: 'default' | 'none';
  /** Whether to build the image even if it exists. */
  force: boolean;
  work: (container: BuildContainer) => Promise<void>;
}

/**
 * Builds an image unless it exists. If several windows need it, one of them builds it and the others wait; if the building window fails,
 * another one takes over. The temporary container is removed when this settles.
 */
export async function buildOnce(
  context: ImageContext,
  { tag, from, base, network, force, work }: Build,
  progress: Progress,
  signal?: AbortSignal,
): Promise<void> {
  const name = `sandboxed-ipython-build-${tag.split(':').pop() ?? ''}`;
  const giveUp = performance.now() + context.requests.deadlines['build in another window'];
  let waiting = false;
  while (performance.now() < giveUp) {
    if (!force && (await inspectImage(context, tag, signal))) {
      return;
    }
    if (!waiting) {
      progress.step('startingContainer');
    }
    const container = await BuildContainer.start(context, { image: from, base, name, network, signal });
    if (container) {
      try {
        // another window may have built it before we got the lock
        if (force || !(await inspectImage(context, tag, signal))) {
          await work(container);
        }
      } catch (error) {
        await context.requests.cleanUp(container.remove());
        throw error;
      }
      await container.remove();
      return;
    }
    if (!waiting) {
      progress.step('waitingForOther');
    }
    waiting = true;
    await freed(context, name, giveUp, signal);
  }
  throw imageFailed(base, 'waitingForOther', `the container ${name} is in the way`);
}

/** Waits until the container's name is free. Removes the container if it is dead or abandoned. */
async function freed(
  context: ImageContext,
  name: string,
  giveUp: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { docker, requests } = context;
  let created: number | undefined;
  while (performance.now() < giveUp) {
    try {
      const { State } = await requests.run(
        'inspect build container',
        (abortSignal) => docker.getContainer(name).inspect({ abortSignal } as object),
        { signal },
      );
      created = State.Status === 'created' ? (created ?? performance.now()) : undefined;
      if (
        State.Status === 'exited' ||
        State.Status === 'dead' ||
        (created !== undefined && performance.now() - created > ABANDONED_AFTER_MS)
      ) {
        await removeBuildContainer(context, name);
        return;
      }
    } catch (error) {
      if (isNotFound(error)) {
        return;
      }
      throw error;
    }
    try {
      await sleep(POLL_INTERVAL_MS, undefined, signal ? { signal } : {});
    } catch (cause) {
      throw new SandboxError('Cancelled', {}, { cause });
    }
  }
}
