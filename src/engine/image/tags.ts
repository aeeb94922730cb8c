import { createHash } from 'node:crypto';
import { isNotFound } from '../request';
import type { ImageContext } from './context';
import type { RunnerFile } from './runner-files';

/** Raise these numbers when the way in which an image is built changes, so that it is built again. */
const PACKAGES_RECIPE = 2;
const KERNEL_RECIPE = 3;

/** Requirements that are installed unless the base has them. An existing IPython is never replaced. */
export const IPYTHON_REQUIREMENTS = ['ipython>=8', 'matplotlib-inline'] as const;
/** Optional requirement that is installed unless the base has it. Cell ids exist since nbformat 5.1. */
export const NBFORMAT = 'nbformat>=5.1';

export const packagesTag = (baseId: string, packages: readonly string[]): string =>
  `sandboxed-ipython/packages:${hash(PACKAGES_RECIPE, baseId, [...IPYTHON_REQUIREMENTS, NBFORMAT], packages)}`;

export const kernelTag = (packages: string, runner: readonly RunnerFile[]): string =>
  `sandboxed-ipython/kernel:${hash(
    KERNEL_RECIPE,
    packages,
    runner.map(({ path, content }) => [path, createHash('sha256').update(content).digest('hex')]),
  )}`;

const hash = (...parts: unknown[]): string =>
  createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32);

/** Inspects an image. Null if the engine does not have it. */
export async function inspectImage(
  { docker, requests }: ImageContext,
  name: string,
  signal?: AbortSignal,
): Promise<{ id: string; volumes: string[]; tags: string[]; created: number } | null> {
  try {
    const { Id, Config, RepoTags, Created } = await requests.run(
      'inspect image',
      (abortSignal) => docker.getImage(name).inspect({ abortSignal } as object),
      { signal },
    );
    return {
      id: Id,
      tags: RepoTags ?? [],
      created: Date.parse(Created),
      volumes: Object.keys((Config as { Volumes?: object | null } | null)?.Volumes ?? {}),
    };
  } catch (error) {
    if (isNotFound(error)) {
      return null;
    }
    throw error;
  }
}
