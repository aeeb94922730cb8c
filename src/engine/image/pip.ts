import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { ImageRequest } from '../engine';
import type { ProcessResult } from '../exec';
import type { Progress } from '../progress';
import { redact } from '../redact';
import { SourceFailed, installWithSources } from '../source-distributions';
import type { BuildContainer } from './build-container';
import type { ImageContext } from './context';
import { imageFailed } from './failures';
import { WRITE_CERTIFICATES, PIP_FILES_FOLDER, certificatesInput, pipEnvironment } from './install-network';
import { PipProgress, pipReason } from './pip-output';
import { lastLine, type Python } from './python';

/** Folder on disk for unpacking wheels, because a tmpfs would have to hold the largest one. It is removed before the commit. */
export const SCRATCH = '/var/tmp/sandboxed-ipython';
const WHEELS_FOLDER = `${SCRATCH}/wheels`;
/** Lets pip install as root, also into a Python that belongs to a distribution: the image is a copy that only pip changes. */
export const PIP_AS_ROOT = { PIP_BREAK_SYSTEM_PACKAGES: '1', PIP_ROOT_USER_ACTION: 'ignore' };

/** Writes the files for pip: the certificates, and the `constraints` that the given code assigns. */
const prepare = (constraints: string): string => `${WRITE_CERTIFICATES}
import importlib.metadata, re
os.makedirs("${SCRATCH}", 0o700, exist_ok=True)
${constraints}
with open("${PIP_FILES_FOLDER}/constraints.txt", "w") as file:
    file.write(constraints)
`;
/** Takes the constraints from the command line. */
const NAMED = 'constraints = sys.argv[1]';
/** Constrains all installed packages to their versions, except those whose name or version pip refuses (from a distribution's own tool). */
const INSTALLED = String.raw`
found = {}
for one in importlib.metadata.distributions():
    name, version = str(one.metadata["Name"]), str(one.version)
    if re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", name) and re.fullmatch(r"(\d+!)?\d+(\.\d+)*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?(\+[A-Za-z0-9.]+)?", version):
        found.setdefault(re.sub(r"[-_.]+", "-", name).lower(), version)  # the first one is the one that is imported
constraints = "".join("%s==%s\n" % pair for pair in found.items())`;

export interface PipOptions {
  container: BuildContainer;
  /** The Python that pip installs for. */
  python: Python;
  request: ImageRequest;
  progress: Progress;
  signal: AbortSignal | undefined;
}

/** Runs pip in a build container. */
export class Pip {
  constructor(
    private readonly context: ImageContext,
    private readonly options: PipOptions,
  ) {}

  /** Installs wheels and keeps an existing IPython. @throws SandboxError `ImageFailed` with pip's own reason */
  async install(requirements: readonly string[]): Promise<void> {
    const { request, python } = this.options;
    const proxies = new Set(
      Object.entries(request.network.proxies).flatMap(([name, value]) =>
        /^no_proxy$/i.test(name) ? [] : redact(value),
      ),
    );
    this.context.log.info(
      `engine: pip goes ${proxies.size === 0 ? 'without a proxy' : `through ${[...proxies].join(', ')}`}`,
    );
    const reason = await this.#run(requirements, [NAMED, python.ipython ? `ipython==${python.ipython}\n` : ''], []);
    if (reason !== undefined) {
      throw imageFailed(request.base, 'installingPackages', reason);
    }
  }

  /** Installs wheels that are compatible with all installed packages, with at most one retry. Gives the reason of a failure. */
  tryToAdd(requirements: readonly string[]): Promise<string | undefined> {
    return this.#run(requirements, [INSTALLED], ['--retries', '1', '--timeout', '15']);
  }

  /** Runs pip. Gives the reason of a failure, else undefined. */
  async #run(
    requirements: readonly string[],
    [constraints = '', ...named]: readonly string[],
    pipOptions: readonly string[],
  ): Promise<string | undefined> {
    const { context } = this;
    const {
      container,
      python: { executable },
      request: { network, base, runnerFolder },
      progress,
      signal,
    } = this.options;
    progress.step('installingPackages');
    const prepared = await container.run([executable, '-I', '-c', prepare(constraints), ...named], {
      name: 'run file preparation',
      input: certificatesInput(network),
      signal,
    });
    if (prepared.exitCode !== 0) {
      throw imageFailed(base, 'installingPackages', lastLine(prepared.stderr));
    }
    const said = new PipProgress();
    const env = { ...pipEnvironment(network), ...PIP_AS_ROOT, HOME: SCRATCH, TMPDIR: SCRATCH, PYTHONUNBUFFERED: '1' };
    const attempt = (wheelsFolder: string | undefined): Promise<ProcessResult> =>
      container.run(
        [
          executable,
          '-I',
          '-m',
          'pip',
          'install',
          '--only-binary',
          ':all:',
          '--no-cache-dir',
          '--no-input',
          '--progress-bar',
          'off',
          '--disable-pip-version-check',
          ...pipOptions,
          ...(wheelsFolder === undefined ? [] : ['--find-links', wheelsFolder]),
          '--constraint',
          `${PIP_FILES_FOLDER}/constraints.txt`,
          '--',
          ...requirements,
        ],
        {
          name: 'run pip',
          env,
          signal,
          onLine: (line) => {
            const detail = said.take(line);
            if (detail !== undefined) {
              progress.step('installingPackages', detail);
            }
          },
        },
      );
    try {
      const { exitCode, stdout, stderr } = await installWithSources(context, attempt, {
        container,
        python: executable,
        program: ['-I', '-c', await readFile(path.join(runnerFolder, 'sdist.py'), 'utf8')], // the image has no runner yet
        wheelsFolder: WHEELS_FOLDER,
        env,
        onLine: (line) => progress.step('installingPackages', line),
        signal,
      });
      return exitCode === 0 ? undefined : pipReason(`${stdout}\n${stderr}`);
    } catch (error) {
      if (error instanceof SourceFailed) {
        return redact(error.message);
      }
      throw error;
    }
  }
}
