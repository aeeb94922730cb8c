import { randomUUID } from 'node:crypto';
import type { Engine, ImageRequest } from '../../../src/engine/engine';
import { silentProgress } from '../../../src/engine/progress';
import { isSandboxError } from '../../../src/protocol/errors';
import { BASE, containerExists, docker, imageRequest, runnerWith } from '../engineTools';
import { namesOf } from './bases';
import type { Ground } from './tenant';
import { each, everyWay, goesOn, program, silentFrom, twice, unanswered, type Group, type Stage } from './trials';

/** No registry listens at this address, and an engine reports that at once. */
const NOWHERE = 'localhost:1';
/** A package to install. The trial's pip does nothing. */
const PACKAGES = ['six'];

/** Replaces the pip of ensurepip by one that installs only itself, and removes the existing pip. */
export const IDLE_PIP = `
import glob, os, pip, shutil
for path in [pip.__path__[0], *glob.glob("/usr/share/python-wheels/pip-*.whl")]:
    shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
os.makedirs("/usr/share/python-wheels/pip-0.whl/pip")
with open("/usr/share/python-wheels/pip-0.whl/pip/__main__.py", "w") as file:
    file.write("import os, shutil; os.path.exists(%r) or shutil.copytree(os.path.dirname(os.path.abspath(__file__)), %r)" % (pip.__path__[0], pip.__path__[0]))
`;

type Make = (engine: Engine, request: ImageRequest) => Promise<unknown>;
const usual = (): Promise<string> => Promise.resolve(BASE);
const ensure: Make = (engine, request) => engine.ensureImage(request, silentProgress);
const late = (step: string) => ({ codes: ['ImageFailed'] as const, params: { step, reason: /^no end within \d+ s$/ } });

/** A stage that builds an image from a base, with a runner of its own whose self-test tests nothing. */
const making =
  (base: () => Promise<string>, packages: readonly string[], make = ensure) =>
  async (engine: Promise<Engine>): Promise<Stage & { tags: readonly string[]; locks: readonly string[] }> => {
    const runner = await runnerWith({ 'selftest.py': '', 'unique.py': `# ${randomUUID()}` });
    const request = await imageRequest({ base: await base(), packages, runnerFolder: runner.folder });
    const { tags, locks } = await namesOf(request);
    const isOthers = request.base === BASE && packages.length === 0; // other tests use the same packages image
    return {
      tags,
      locks,
      run: async () => make(await engine, request),
      left: async () =>
        (await Promise.all(locks.map(async (lock) => ((await containerExists(lock)) ? [lock] : [])))).flat(),
      end: async () => {
        for (const tag of (isOthers ? tags.slice(1) : [...tags]).reverse()) {
          await docker
            .getImage(tag)
            .remove({ force: true })
            .catch(() => undefined);
        }
        await runner.remove();
      },
    };
  };

/**
 * A stage on which another container has the name of the build. The engine reports forever that the name is in use.
 */
const whileAnotherMakes =
  ({ image }: Ground) =>
  async (engine: Promise<Engine>): Promise<Stage> => {
    const stage = await making(usual, [])(engine);
    const [, tag = ''] = stage.tags;
    const other = await docker.createContainer({
      name: stage.locks[1] ?? '',
      Image: image,
      Entrypoint: ['sleep'],
      Cmd: ['600'],
    });
    await other.start();
    return {
      ...stage,
      left: () => Promise.resolve([]),
      heal: async () => {
        const [repo = '', version = ''] = tag.split(':');
        await docker.getImage(image).tag({ repo, tag: version });
        await other.remove({ force: true });
      },
      end: async () => {
        await other.remove({ force: true }).catch(() => undefined);
        await stage.end();
      },
    };
  };

/** Pulls from an address without a registry. The most that can succeed is that the engine reports this. */
const pulls: Make = (engine, request) =>
  ensure(engine, request).catch((error: unknown) => {
    if (!isSandboxError(error, 'ImageFailed') || !String(error.params['reason']).includes(NOWHERE)) {
      throw error;
    }
  });

/** Makes a copy of the base, so that the image built from it has names that no other trial uses. */
const copied =
  ({ bases, base }: Ground) =>
  async (): Promise<string> => {
    const [repo, tag] = ['sandboxed-ipython-test/silent', randomUUID()];
    const container = await docker.createContainer({ Image: base, Cmd: ['true'] });
    await container.commit({ _query: { container: container.id, repo, tag }, _body: {} });
    bases.add(`${repo}:${tag}`);
    await container.remove();
    return `${repo}:${tag}`;
  };

export function ensureImage(ground: Ground): Group[] {
  const group = (prepare: ReturnType<typeof making>, trials: Group['trials']): Group => ({
    trials,
    prepare: (way) => prepare(way.engine),
  });
  const selfTest = 'POST /exec/{id}/start self-test';
  return [
    group(making(copied(ground), PACKAGES), [
      ...twice('POST /containers/create', 'create build container'),
      ...twice('POST /containers/{id}/start', 'start build container'),
      ...program('ensurepip', late('checkingBase')),
    ]),
    group(making(copied(ground), []), [
      unanswered('POST /containers/{id}/exec guard', 'create exec'),
      unanswered('POST /exec/{id}/start guard', 'start exec'),
      unanswered('POST /exec/{id}/start guard', 'build container guard', 'stalls'),
      ...program('probe', late('checkingBase')),
    ]),
    group(making(copied(ground), PACKAGES), program('file preparation', late('installingPackages'))),
    group(making(copied(ground), PACKAGES), program('pip', late('installingPackages'))),
    // If nothing has to be installed, the current step is still `checkingBase`.
    group(making(copied(ground), []), [
      ...program('compile', late('checkingBase')),
      ...twice('POST /commit', 'commit'),
      goesOn('DELETE /containers/{id}', 'remove container'),
    ]),
    group(making(usual, []), [
      ...program('unpack', late('copyingRunner')),
      goesOn('GET /containers/{id}/json', 'inspect removed container'),
    ]),
    group(making(usual, []), [silentFrom(selfTest, 'start exec'), ...program('self-test', late('testing'))]),
    group(
      making(() => Promise.resolve(`${NOWHERE}/silent:1`), [], pulls),
      [
        unanswered('GET /images/{id}/json', 'inspect image'),
        unanswered('POST /images/create', 'pull'),
        {
          kind: 'POST /images/create',
          answer: 'stalls',
          waits: ['pull progress'],
          end: { codes: ['ImageFailed'], params: { step: 'pullingBase', reason: /^no progress for \d+ s$/ } },
        },
        {
          kind: 'POST /images/create',
          answer: 'closes',
          waits: [],
          end: { codes: ['ImageFailed'], params: { step: 'pullingBase', reason: /hang up/ } },
        },
      ],
    ),
    group(whileAnotherMakes(ground) as ReturnType<typeof making>, [
      unanswered('GET /containers/{id}/json', 'inspect build container'),
      {
        kind: undefined,
        answer: 'never',
        waits: ['build in another window'],
        end: { codes: ['ImageFailed'], params: { step: 'waitingForOther', reason: /in the way$/ } },
      },
    ]),
  ];
}

/** The operation continues if the base cannot be pulled again, and if the previous image cannot be removed. */
export function rebuildImage(ground: Ground): Group[] {
  const replaced = new Set<string>();
  const make: Make = async (engine, request) => {
    const { derived } = await ground.direct.findImages(request);
    if (derived !== null) {
      replaced.add(derived);
    }
    return engine.rebuildImage(request, silentProgress);
  };
  const nowhere = async (): Promise<string> => {
    const repo = `${NOWHERE}/silent-${randomUUID()}`;
    await docker.getImage(await copied(ground)()).tag({ repo, tag: '1' });
    ground.bases.add(`${repo}:1`);
    return `${repo}:1`;
  };
  return [
    {
      trials: [goesOn('POST /images/create', 'pull'), goesOn('DELETE /images/{id}', 'remove image')],
      isOver: true,
      prepare: async (way) => {
        const stage = await making(nowhere, [], make)(way.engine);
        return {
          ...stage,
          end: async () => {
            await stage.end();
            for (const id of replaced) {
              await docker
                .getImage(id)
                .remove({ force: true })
                .catch(() => undefined);
            }
          },
        };
      },
    },
  ];
}

export const findImages = (): Group[] =>
  each(everyWay('GET /images/{id}/json', 'inspect image'), async (way) => {
    const request = await imageRequest();
    return {
      run: async () => (await way.engine).findImages(request),
      left: () => Promise.resolve([]),
      end: () => Promise.resolve(),
    };
  });

export const findUnusedImages = (): Group[] =>
  each(
    [...everyWay('GET /images/json', 'list images'), ...twice('GET /containers/json', 'list containers')],
    async (way) => {
      const request = await imageRequest();
      return {
        run: async () => (await way.engine).findUnusedImages(request),
        left: () => Promise.resolve([]),
        end: () => Promise.resolve(),
      };
    },
  );

/** Images that cannot be removed are kept. */
export const removeImages = (ground: Ground): Group[] =>
  each([goesOn('GET /images/{id}/json', 'inspect image'), goesOn('DELETE /images/{id}', 'remove image')], (way) => {
    const repo = 'sandboxed-ipython/kernel';
    const image = async (): Promise<string> => {
      const tag = randomUUID();
      // one of ours, according to its labels
      const container = await docker.createContainer({ Image: ground.image, Cmd: ['true'] });
      await container.commit({
        _query: { container: container.id, repo, tag, changes: `LABEL test=${tag}` },
        _body: {},
      });
      await container.remove();
      ground.bases.add(`${repo}:${tag}`);
      return (await docker.getImage(`${repo}:${tag}`).inspect()).Id;
    };
    return Promise.resolve({
      run: async () => (await way.engine).removeImages([await image()]),
      left: () => Promise.resolve([]),
      end: () => Promise.resolve(),
    });
  });
