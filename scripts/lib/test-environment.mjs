import path from 'node:path';
import { baseImage, canBuildBases, ensureBaseImage, ensureRootFs } from './base-images.mjs';
import { ensureCodeServer } from './code-server.mjs';
import { engineAnswers, engineHost, ensureEngine } from './engine.mjs';
import { checkLimits } from './engine-check.mjs';
import { cacheDir } from './paths.mjs';
import { startPodman } from './podman.mjs';
import { pythonTools } from './python-tools.mjs';
import { ensureSystemPackages, findBrowser, mayInstall } from './system-packages.mjs';
import { packageExtension } from './vsix.mjs';

/** The base image of all tests that are not about versions of Python. */
const USUAL = 'bookworm';
/** The order in which they are built, while the first tests run: first those whose tests take longest. */
const BASES = [USUAL, 'forky', 'bullseye', 'trixie'];

/**
 * Prepares everything that the suites need, at the same time, while the first suites already run. Each need becomes a
 * promise of environment variables for the suites that require it.
 */
export class TestEnvironment {
  /** @type {Map<string, Promise<Record<string, string>>>} */
  #needs = new Map();

  /** @param {ReadonlySet<import('./suites.mjs').Need>} needs */
  constructor(needs) {
    const wanted = BASES.filter((base) => needs.has(base) || (base === USUAL && needs.has('podman')));
    // Alone and first, because with it the first base can be built while the others are installed.
    const maker = once(() =>
      canBuildBases() && wanted.length > 0 ? ensureSystemPackages(['base images']) : Promise.resolve(),
    );
    const packages = once(() =>
      maker()
        .then(() => otherPackages(needs))
        .then(ensureSystemPackages),
    );
    const engine = once(() => packages().then(() => ensureEngine()));
    const bases = basesInTurn(wanted, maker, engine);
    const make = {
      ...bases,
      engine: () => engine().then(() => ({ DOCKER_HOST: engineHost() })),
      python: () =>
        packages()
          .then(pythonTools)
          .then((python) => ({ SANDBOXED_IPYTHON_PYTHON_TOOLS: python })),
      podman: () =>
        bases[USUAL]().then(async (variables) => ({ ...variables, DOCKER_HOST: await startPodman(baseImage(USUAL)) })),
      networks: () => packages().then(() => ({})),
      browser: () => packages().then(() => ({ CHROMIUM: findBrowser() })),
      'code-server': () => ensureCodeServer().then((home) => ({ CODE_SERVER_HOME: home })),
      vsix: () =>
        packageExtension(path.join(cacheDir('vsix'), `test-${process.pid}.vsix`)).then((file) => ({
          SANDBOXED_IPYTHON_VSIX: file,
        })),
    };
    for (const need of needs) {
      const promise = make[need]();
      promise.catch(() => {}); // told to the suites that need it
      this.#needs.set(need, promise);
    }
  }

  /**
   * Waits until a suite can run.
   * @param {readonly import('./suites.mjs').Need[]} needs
   * @returns {Promise<Record<string, string>>} the environment variables that name what was made
   */
  async of(needs) {
    const parts = await Promise.all(needs.map((need) => this.#needs.get(need)));
    return Object.assign({ SANDBOXED_IPYTHON_CACHE: cacheDir() }, ...parts);
  }
}

/** Installs the other system packages of the needs in one call, because two calls of apt would wait for each other. */
async function otherPackages(needs) {
  const abilities = ['browser', 'networks', 'podman', 'python'].filter((need) => needs.has(need));
  return [
    ...abilities,
    ...(mayInstall() && (needs.has('engine') || needs.has('podman')) && !(await engineAnswers()) ? ['engine'] : []),
  ];
}

/**
 * Returns a function for each base that builds it once the earlier bases were built or have failed.
 * @param {readonly import('./base-images.mjs').Suite[]} bases
 * @param {() => Promise<void>} maker what makes a root file system; the engine is needed only to import it
 * @param {() => Promise<void>} engine
 * @returns {Record<string, () => Promise<{ SANDBOXED_IPYTHON_TEST_BASE: string }>>}
 */
function basesInTurn(bases, maker, engine) {
  const made = {};
  let limits;
  let last = maker;
  for (const base of bases) {
    const before = last;
    made[base] = last = once(async () => {
      await before().catch(() => {}); // told to the suites that need it
      if (canBuildBases()) {
        await ensureRootFs(base);
      }
      await engine();
      await ensureBaseImage(base);
      await (limits ??= checkLimits(baseImage(base)));
      return { SANDBOXED_IPYTHON_TEST_BASE: baseImage(base) };
    });
  }
  return made;
}

/** @template T @param {() => Promise<T>} make @returns {() => Promise<T>} */
function once(make) {
  let made;
  return () => (made ??= make());
}
