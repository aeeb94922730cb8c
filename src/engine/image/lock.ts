import { setTimeout as sleep } from 'node:timers/promises';
import { SandboxError } from '../../protocol/errors';
import type { Progress } from '../progress';
import { isNotFound } from '../request';
import { BuildContainer, removeBuildContainer } from './build-container';
import type { ImageContext } from './context';
import { imageFailed } from './failures';
import { imageDetails } from './tags';

/** Milliseconds. */
const POLL_INTERVAL_MS = 300;
/** A container that was made and not started for so long lost its maker. */
const ABANDONED_AFTER_MS = 60_000;

export interface Build {
  /** Image that is made. */
  tag: string;
  /** Image that it is made of. */
  from: string;
  /** As the user named the base, for messages. */
  base: string;
  network: 'default' | 'none';
  /** Make it though it is there. */
  anew: boolean;
  work: (container: BuildContainer) => Promise<void>;
}

/**
 * Makes an image unless it is there. Of several windows one works, the others wait for its image; if it gives up, the next one takes over.
 * The temporary container is gone when this returns, however it ends.
 */
export async function buildOnce(
  context: ImageContext,
  { tag, from, base, network, anew, work }: Build,
  progress: Progress,
  signal?: AbortSignal,
): Promise<void> {
  const name = `sandboxed-ipython-build-${tag.split(':').pop() ?? ''}`;
  const giveUp = performance.now() + context.requests.deadlines['other build'];
  let waiting = false;
  while (performance.now() < giveUp) {
    if (!anew && (await imageDetails(context, tag, signal))) {
      return;
    }
    if (!waiting) {
      progress.step('startingContainer');
    }
    const container = await BuildContainer.start(context, from, base, name, network, signal);
    if (container) {
      try {
        // made between the look and the lock
        if (anew || !(await imageDetails(context, tag, signal))) {
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

/** Waits until the name is free, and frees it if its holder is dead. */
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
