import { SandboxError, isSandboxError } from '../protocol/errors';
import { MAX_LIBRARIES_BYTES, type InstallRequest } from './engine';
import { isProcess } from './deadlines';
import type { ProcessResult } from './exec';
import { BuildContainer } from './image/build-container';
import type { ImageContext } from './image/context';
import { WRITE_CERTIFICATES, PIP_FILES_FOLDER, certificatesInput, pipEnvironment } from './image/install-network';
import { SETTING_FOR } from './image/failures';
import { networkTrouble, pipReason } from './image/pip-output';
import { lastLine } from './image/python';
import { installerOf } from './libraries';
import { SourceFailed, installWithSources } from './source-distributions';
import { redact } from './redact';
import { engineReason } from './request';
import { LIBRARIES_FOLDER, RUNNER_FOLDER, interpreterOf, librariesMount } from './specification';

/** Memory limit of the installer. It need not hold a whole wheel, because pip unpacks a wheel file by file. */
const MEMORY_BYTES = 2 * 2 ** 30;
/** Exit codes of `runner/installer.py` besides pip's own. The last one means that the memory limit killed pip. */
const TOO_LARGE_EXIT_CODE = 75;
const NO_PIP_EXIT_CODE = 76;
const SIGKILL_EXIT_CODE = 137;
/** A folder on a tmpfs of the container. */
const WHEELS_FOLDER = '/var/tmp/wheels';

/** Runs `runner/installer.py` in a container of its own. The container is removed when this settles. */
export async function install(
  context: ImageContext,
  request: InstallRequest,
  onLine: (line: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  const { libraries, requirements, options, network, limit = MAX_LIBRARIES_BYTES } = request;
  try {
    const container = await start(context, request, signal);
    if (!container) {
      throw failed('busy', '');
    }
    try {
      const python = container.interpreter;
      const lent = await container.run([python, '-I', '-c', WRITE_CERTIFICATES], {
        name: 'run file preparation',
        input: certificatesInput(network),
        signal,
      });
      if (lent.exitCode !== 0) {
        throw failed('container', lastLine(lent.stderr));
      }
      const env = { ...pipEnvironment(network), HOME: PIP_FILES_FOLDER, PIP_ROOT_USER_ACTION: 'ignore' };
      const say = (line: string): void => onLine(redact(line));
      const attempt = (wheelsFolder = ''): Promise<ProcessResult> =>
        container.run(
          [
            python,
            '-I',
            `${RUNNER_FOLDER}/installer.py`,
            `--folder=${LIBRARIES_FOLDER}`,
            `--limit=${limit}`,
            `--wheels=${wheelsFolder}`,
            '--',
            ...options.map((option) => `--${option}`),
            '--',
            ...requirements,
          ],
          { name: 'run installer', env, signal, onLine: say },
        );
      const { exitCode, stdout, stderr } = await installWithSources(context, attempt, {
        container,
        python,
        program: ['-I', `${RUNNER_FOLDER}/sdist.py`],
        wheelsFolder: WHEELS_FOLDER,
        env,
        onLine: say,
        signal,
      });
      if (exitCode === TOO_LARGE_EXIT_CODE) {
        throw new SandboxError('InstallTooLarge', { limit });
      }
      if (exitCode === NO_PIP_EXIT_CODE) {
        throw failed('noPip', '');
      }
      if (exitCode === SIGKILL_EXIT_CODE) {
        throw failed('memory', `pip needs more than ${MEMORY_BYTES / 2 ** 30} GB of memory`);
      }
      if (exitCode !== 0) {
        throw failed('pip', pipReason(`${stdout}\n${stderr}`));
      }
      context.log.info(`engine: installed into ${libraries}`);
    } catch (error) {
      await context.requests.cleanUp(container.remove());
      throw error;
    }
    await container.remove();
  } catch (error) {
    throw error instanceof SourceFailed ? sourceFailed(error) : asInstallFailure(error);
  }
}

const sourceFailed = ({ requirement, reason }: SourceFailed): SandboxError =>
  new SandboxError('InstallFailed', { problem: 'source', requirement, reason: redact(reason) });

/** Starts the installer's container. Null if an install into the same volume is running. */
async function start(
  context: ImageContext,
  { containerId, libraries }: InstallRequest,
  signal: AbortSignal | undefined,
): Promise<BuildContainer | null> {
  const { docker, requests } = context;
  const sandbox = await requests.run(
    'inspect container',
    (abortSignal) => docker.getContainer(containerId).inspect({ abortSignal } as object),
    { signal },
  );
  return BuildContainer.start(context, {
    image: sandbox.Image,
    base: sandbox.Image,
    name: installerOf(libraries),
    network: 'default',
    signal,
    interpreters: [interpreterOf(sandbox)],
    host: {
      ReadonlyRootfs: true,
      Memory: MEMORY_BYTES,
      MemorySwap: MEMORY_BYTES,
      Tmpfs: { '/var/tmp': 'rw,noexec,nosuid,nodev,size=256m', '/tmp': 'rw,noexec,nosuid,nodev,size=256m' },
      Mounts: [librariesMount(libraries, { readOnly: false })],
    },
  });
}

type Problem = 'pip' | 'noPip' | 'memory' | 'time' | 'busy' | 'container';

function failed(problem: Problem, reason: string, cause?: unknown): SandboxError {
  const trouble = problem === 'pip' ? networkTrouble(reason) : undefined;
  return new SandboxError(
    'InstallFailed',
    { problem, reason: redact(reason), ...(trouble && { trouble }) },
    { cause, ...(trouble && { setting: SETTING_FOR[trouble] }) },
  );
}

/** Turns an engine's refusal of this container into a failure of the install. Failures of the engine as a whole stay as they are. */
function asInstallFailure(error: unknown): unknown {
  if (isSandboxError(error, 'Cancelled')) {
    return new SandboxError('Cancelled', { operation: 'install' }, { cause: error });
  }
  if (
    isSandboxError(error, 'EngineFailed') ||
    isSandboxError(error, 'SandboxGone') ||
    isSandboxError(error, 'BaseUnusable')
  ) {
    return failed('container', engineReason(error), error);
  }
  if (isSandboxError(error, 'EngineSilent') && isProcess(error.params['request'])) {
    return failed('time', `no end within ${error.params['timeout']} s`, error);
  }
  return error;
}
