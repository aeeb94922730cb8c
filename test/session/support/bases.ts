import assert from 'node:assert/strict';
import type { ImageRequest } from '../../../src/engine/engine';
import { readRunner } from '../../../src/engine/image/runner-files';
import { kernelTag, packagesTag } from '../../../src/engine/image/tags';
import { BASE, docker } from '../engineTools';

/**
 * Base images that a test makes by changing an existing image, and the images derived from them. {@link remove} removes
 * all of them.
 */
export class Bases {
  private readonly tags = new Set<string>();

  /** @param code Python that changes the file system, as root @param changes lines of a Dockerfile for the image's configuration */
  async make(name: string, code: string, changes: readonly string[] = [], from = BASE): Promise<string> {
    const container = await docker.createContainer({
      Image: from,
      Entrypoint: ['python3', '-c'],
      Cmd: [code],
      User: '0:0',
    });
    try {
      await container.start();
      const { StatusCode } = (await container.wait()) as { StatusCode: number };
      assert.equal(StatusCode, 0, (await container.logs({ stdout: true, stderr: true })).toString());
      const repo = `sandboxed-ipython-test/${name}`;
      this.tags.add(`${repo}:1`);
      await container.commit({
        _query: { container: container.id, repo, tag: '1', changes: ['ENTRYPOINT []', ...changes].join('\n') },
        _body: { Labels: { test: name } },
      }); // some engines read the body if there is one
      return `${repo}:1`;
    } finally {
      await container.remove({ force: true });
    }
  }

  /** Registers another image that is removed after the test. */
  add(tag: string): void {
    this.tags.add(tag);
  }

  async remove(): Promise<void> {
    for (const tag of [...this.tags].reverse()) {
      await docker
        .getImage(tag)
        .remove({ force: true })
        .catch(() => undefined);
    }
    this.tags.clear();
  }
}

/** Returns the names that the images and locks of a request will have, or none if the base does not exist. */
export async function namesOf(request: ImageRequest): Promise<{ tags: string[]; locks: string[] }> {
  const base = await docker
    .getImage(request.base)
    .inspect()
    .catch(() => undefined);
  if (!base) {
    return { tags: [], locks: [] };
  }
  const packages = packagesTag(base.Id, request.packages);
  const tags = [packages, kernelTag(packages, await readRunner(request.runnerFolder))];
  return { tags, locks: tags.map((tag) => `sandboxed-ipython-build-${tag.split(':')[1] ?? ''}`) };
}
