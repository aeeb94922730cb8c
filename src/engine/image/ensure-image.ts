import type { ImageRequest } from '../engine';
import type { Progress } from '../progress';
import { ensureBase } from './base-image';
import type { ImageContext, ImageStep } from './context';
import { asStepFailure } from './failures';
import { buildOnce } from './lock';
import { installPackages } from './packages';
import { installRunner } from './runner';
import { readRunner } from './runner-files';
import { imageDetails, kernelTag, packagesTag } from './tags';

/**
 * Name of the image for a base, packages and runner: the base with packages, and on it the runner, so that an update of the extension
 * installs nothing anew. Tags are hashes of what went in. Where both are there, this is two looks at the engine and no network.
 */
export async function ensureImage(context: ImageContext, request: ImageRequest, progress: Progress, signal?: AbortSignal): Promise<string> {
  const { base } = request;
  let step: ImageStep = 'checkingBase';
  const watched: Progress = {
    step: (code, detail) => {
      step = code as ImageStep;
      progress.step(code, detail);
    },
  };
  try {
    const runner = await readRunner(request.runnerFolder);
    const packages = packagesTag(await ensureBase(context, base, watched, signal), request.packages);
    const kernel = kernelTag(packages, runner);
    if (await imageDetails(context, kernel, signal)) return kernel;
    await buildOnce(context, {
      tag: packages, from: base, base, network: 'default',
      work: async (container) => {
        await installPackages(context, container, request, watched, signal);
        watched.step('committing');
        await container.commit(packages, [container.interpreter], signal);
      },
    }, watched, signal);
    await buildOnce(context, {
      tag: kernel, from: packages, base, network: 'none',
      work: async (container) => {
        const entrypoint = await installRunner(container, runner, base, watched, signal);
        watched.step('committing');
        await container.commit(kernel, entrypoint, signal);
      },
    }, watched, signal);
    context.log.info(`engine: made the image ${kernel} of ${base}`);
    return kernel;
  } catch (error) {
    throw asStepFailure(error, base, step);
  }
}
