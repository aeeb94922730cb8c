import { isSandboxError } from '../../protocol/errors';
import type { ImageRequest, ImagesFound, UnusedImage } from '../engine';
import type { Progress } from '../progress';
import { engineReason } from '../request';
import { ensureBase, pullBase } from './base-image';
import type { ImageContext, ImageStep } from './context';
import { asStepFailure } from './failures';
import { buildOnce } from './lock';
import { installImagePackages } from './packages';
import { installRunner } from './runner';
import { readRunner, type RunnerFile } from './runner-files';
import { inspectImage, kernelTag, packagesTag } from './tags';
import { findUnused, markUsed, removeOurs } from './unused';

/**
 * Gives the name of the image for a base, packages and runner, and builds it if necessary. There are two images: the base with the
 * packages, and on it the runner, so that an update of the extension installs no packages again. Tags are hashes of the content. If both
 * images exist, this takes two requests to the engine and no network; once a day it also marks the images as used.
 * @param made the names of both images are added to it
 */
export async function ensureImage(
  context: ImageContext,
  request: ImageRequest,
  progress: Progress,
  signal?: AbortSignal,
  made = new Set<string>(),
): Promise<string> {
  return inSteps(request.base, progress, async (steps) => {
    const [baseId, runner] = await Promise.all([
      ensureBase(context, request.base, steps, signal),
      readRunner(request.runnerFolder),
    ]);
    const names = namesOf(request, baseId, runner);
    made.add(names.packages).add(names.kernel);
    const found = await inspectImage(context, names.kernel, signal);
    if (found) {
      await markUsed(context, [names.packages, names.kernel], found);
      return names.kernel;
    }
    return build(context, request, names, { force: false }, steps, signal);
  });
}

/** Pulls the base again if possible, and builds both images again. The old ones stay until the new ones exist and no sandbox uses them. */
export async function rebuildImage(
  context: ImageContext,
  request: ImageRequest,
  progress: Progress,
  signal?: AbortSignal,
): Promise<string> {
  const { base } = request;
  return inSteps(base, progress, async (steps) => {
    const before = await findImages(context, request);
    if (before.base) {
      await pullBase(context, base, steps, signal).catch((error: unknown) => {
        if (isSandboxError(error, 'Cancelled')) {
          throw error;
        }
        // the image was built on this machine, or there is no network
        context.log.info(`engine: ${base} was not pulled again, ${engineReason(error)}`);
      });
    }
    const names = namesOf(
      request,
      await ensureBase(context, base, steps, signal),
      await readRunner(request.runnerFolder),
    );
    const kernel = await build(context, request, names, { force: true }, steps, signal);
    if (before.derived) {
      await removeOurs(context, before.derived);
    } // an image that a sandbox uses stays until a later sweep
    return kernel;
  });
}

/** Implements `Engine.findUnusedImages`. */
export async function findUnusedImages(context: ImageContext, request: ImageRequest): Promise<UnusedImage[]> {
  const base = await inspectImage(context, request.base);
  const names = base && namesOf(request, base.id, await readRunner(request.runnerFolder));
  return findUnused(context, new Set(names ? [names.packages, names.kernel] : []));
}

/** Finds which of the images of a request exist. */
export async function findImages(context: ImageContext, request: ImageRequest): Promise<ImagesFound> {
  const [base, runner] = await Promise.all([inspectImage(context, request.base), readRunner(request.runnerFolder)]);
  if (!base) {
    return { base: null, derived: null };
  }
  const names = namesOf(request, base.id, runner);
  return { base: base.id, derived: (await inspectImage(context, names.kernel))?.id ?? null };
}

interface Names {
  packages: string;
  kernel: string;
  runner: readonly RunnerFile[];
}

function namesOf(request: ImageRequest, baseId: string, runner: readonly RunnerFile[]): Names {
  const packages = packagesTag(baseId, request.packages);
  return { packages, kernel: kernelTag(packages, runner), runner };
}

async function build(
  context: ImageContext,
  request: ImageRequest,
  { packages, kernel, runner }: Names,
  { force }: { force: boolean },
  progress: Progress,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { base } = request;
  await buildOnce(
    context,
    {
      tag: packages,
      from: base,
      base,
      network: 'default',
      force,
      work: async (container) => {
        await installImagePackages(context, container, request, progress, signal);
        progress.step('committing');
        await container.commit(packages, [container.interpreter], base, signal);
      },
    },
    progress,
    signal,
  );
  await buildOnce(
    context,
    {
      tag: kernel,
      from: packages,
      base,
      network: 'none',
      force,
      work: async (container) => {
        const entrypoint = await installRunner(container, runner, base, progress, signal);
        progress.step('committing');
        await container.commit(kernel, entrypoint, base, signal);
      },
    },
    progress,
    signal,
  );
  context.log.info(`engine: made the image ${kernel} of ${base}`);
  return kernel;
}

/** Runs `work` and adds the current step to its failure. */
async function inSteps(
  base: string,
  progress: Progress,
  work: (progress: Progress) => Promise<string>,
): Promise<string> {
  let step: ImageStep = 'checkingBase';
  try {
    return await work({
      step: (code, detail) => {
        step = code as ImageStep;
        progress.step(code, detail);
      },
    });
  } catch (error) {
    throw asStepFailure(error, base, step);
  }
}
