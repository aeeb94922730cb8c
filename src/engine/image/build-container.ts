import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { HostConfig } from 'dockerode';
import { SandboxError, isSandboxError } from '../../protocol/errors';
import { openExec, runProcess, type ProcessOptions, type ProcessResult } from '../exec';
import { removeContainer } from '../remove';
import { engineReason, isNotFound, isNameTaken } from '../request';
import { LABELS, SANDBOX_VERSION } from '../specification';
import type { ImageContext } from './context';
import { baseUnusable } from './failures';

/** Lifetime of a container whose window has not started the guard, and the maximum lifetime of any build container. */
const UNCLAIMED_LIFETIME_S = 120;
const MAX_LIFETIME_S = 4 * 3600;

/** Process 1 of a build container, which waits for a signal to end. Runs under any Python 3. */
const KEEPER = `
import os, signal
end = lambda *_: os._exit(0)
signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGALRM, end)
signal.signal(signal.SIGUSR1, lambda *_: signal.alarm(${MAX_LIFETIME_S}))
signal.alarm(${UNCLAIMED_LIFETIME_S})
while True:
    signal.pause()
`;
/** Lives as long as the connection of the building window, and ends the container with it: a killed window leaves no container. */
const GUARD = `
import os, signal, sys
os.kill(1, signal.SIGUSR1)
sys.stdout.write("ready")
sys.stdout.flush()
sys.stdin.read()
os.kill(1, signal.SIGTERM)
`;
/** Times after which to look again for a container whose creation was not answered. */
const STRAY_CHECKS_MS = [500, 2_000, 5_000];
const INTERPRETERS = ['python3', 'python'];

export interface BuildContainerOptions {
  /** The image that runs in the container. */
  image: string;
  /** The base image as the setting names it, for messages. */
  base: string;
  /** Name of the container. */
  name: string;
  network: 'default' | 'none';
  /** Names or paths of Python to try, in order. */
  interpreters?: readonly string[];
  /** Additional options of the container's host configuration. */
  host?: HostConfig;
  signal: AbortSignal | undefined;
}

/**
 * A temporary container in which an image is built. The image's own Python runs in it as root. The container's name is the lock of the
 * image that is built.
 */
export class BuildContainer {
  private constructor(
    private readonly context: ImageContext,
    readonly id: string,
    readonly image: string,
    readonly interpreter: string,
    private readonly guard: Duplex,
  ) {}

  /**
   * Starts a build container. Gives null if another window uses its name.
   * @throws SandboxError `BaseUnusable` if the image has no Python that starts
   */
  static async start(
    context: ImageContext,
    { image, base, name, network, interpreters = INTERPRETERS, host = {}, signal }: BuildContainerOptions,
  ): Promise<BuildContainer | null> {
    const { docker, requests } = context;
    let reason = '';
    for (const interpreter of interpreters) {
      let id: string | undefined;
      // identifies our container by its host name, because a label would become part of the image
      const hostname = `build-${randomUUID().slice(0, 8)}`;
      try {
        const container = await requests.run(
          'create build container',
          (abortSignal) =>
            docker.createContainer({
              name,
              Image: image,
              Entrypoint: [interpreter],
              Cmd: ['-I', '-c', KEEPER],
              User: '0:0',
              WorkingDir: '/',
              Env: [],
              Healthcheck: { Test: ['NONE'] },
              Labels: { [LABELS.version]: SANDBOX_VERSION },
              Hostname: hostname,
              HostConfig: {
                AutoRemove: true,
                NetworkMode: network,
                PidsLimit: 2048,
                SecurityOpt: ['no-new-privileges'],
                // root has only the capabilities that pip needs to write files of other users
                CapDrop: ['ALL'],
                CapAdd: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER'],
                LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '1' } },
                ...host,
              },
              abortSignal,
            }),
          { signal },
        );
        id = container.id;
        await requests.run('start build container', (abortSignal) => container.start({ abortSignal }), { signal });
        return new BuildContainer(context, id, image, interpreter, await guard(context, id, interpreter, signal));
      } catch (error) {
        if (id === undefined && isNameTaken(error)) {
          return null;
        }
        await requests.cleanUp(
          id === undefined ? removeIfMine(context, name, hostname) : removeBuildContainer(context, id),
        );
        if (!isSandboxError(error, 'EngineFailed') && !isSandboxError(error, 'SandboxGone')) {
          throw error;
        }
        reason = engineReason(error);
        // an engine that could not start the interpreter names it in its reason; any other failure is not the image's fault
        if (id === undefined || (error.code === 'EngineFailed' && !reason.includes(interpreter))) {
          throw error;
        }
      }
    }
    throw baseUnusable(base, 'noPython', reason);
  }

  /** Runs a program as root. The environment in the options is for this process only. */
  run(command: readonly string[], options: ProcessOptions): Promise<ProcessResult> {
    return runProcess(this.context, { containerId: this.id, command, user: '0:0', ...options });
  }

  /** Saves the container as an image with this entrypoint and without the base's command. @param base the base as the setting names it */
  async commit(tag: string, entrypoint: readonly string[], base: string, signal?: AbortSignal): Promise<void> {
    const { docker, requests } = this.context;
    const [repo, version] = tag.split(':');
    const changes = [
      `ENTRYPOINT ${JSON.stringify(entrypoint)}`,
      'CMD []',
      'WORKDIR /',
      `LABEL ${LABELS.version}=${SANDBOX_VERSION}`,
      `LABEL ${LABELS.base}=${JSON.stringify(base)}`,
    ].join('\n');
    await requests.run(
      'commit',
      (abortSignal) =>
        docker.getContainer(this.id).commit({
          // Podman before 4.4 fails without a body, and the client does not send an empty one
          _query: { container: this.id, repo, tag: version, changes, pause: false },
          _body: { Labels: { [LABELS.version]: SANDBOX_VERSION, [LABELS.base]: base } },
          abortSignal,
        }),
      { signal },
    );
  }

  /** Ends and removes the container. Resolves when the container, and with it the lock, no longer exists. */
  async remove(): Promise<void> {
    await removeBuildContainer(this.context, this.id);
    this.guard.destroy();
  }
}

async function guard(
  context: ImageContext,
  id: string,
  interpreter: string,
  signal: AbortSignal | undefined,
): Promise<Duplex> {
  const { stream } = await openExec(context, {
    containerId: id,
    command: [interpreter, '-I', '-c', GUARD],
    user: '0:0',
    signal,
  });
  let said: string;
  try {
    said = await context.requests.run(
      'build container guard',
      (abortSignal) =>
        new Promise<string>((resolve) => {
          stream.once('data', (text: Buffer) => resolve(text.toString()));
          stream.once('close', () => resolve(''));
          abortSignal.addEventListener('abort', () => stream.destroy(), { once: true });
        }),
      { signal },
    );
  } catch (error) {
    stream.destroy();
    throw error;
  }
  if (said !== 'ready') {
    stream.destroy();
    throw new SandboxError('SandboxGone', { reason: said.trim().slice(0, 500) || 'Python ended at once' });
  }
  stream.resume();
  return stream;
}

/**
 * Removes a container whose creation failed: the engine may have created it without an answer, or may still do so. A container of another
 * window with the same name is not touched. Looks again later, without making the caller wait.
 */
async function removeIfMine(
  context: ImageContext,
  name: string,
  hostname: string,
  later: readonly number[] = STRAY_CHECKS_MS,
): Promise<void> {
  const { docker, requests, log } = context;
  try {
    const { Id, Config } = await requests.run('inspect build container', (abortSignal) =>
      docker.getContainer(name).inspect({ abortSignal } as object),
    );
    if (Config.Hostname === hostname) {
      await removeBuildContainer(context, Id);
    }
  } catch (error) {
    if (!isNotFound(error)) {
      log.warn(`engine: the container ${name} could not be looked at, ${engineReason(error)}`);
    }
    const [next, ...rest] = later;
    if (next !== undefined) {
      setTimeout(() => {
        void removeIfMine(context, name, hostname, rest);
      }, next).unref();
    }
  }
}

/** Removes a build container. One that cannot be removed ends by itself. */
export async function removeBuildContainer({ docker, requests, log }: ImageContext, idOrName: string): Promise<void> {
  try {
    await removeContainer(docker, requests, idOrName);
  } catch (error) {
    log.warn(`engine: build container ${idOrName} could not be removed, ${engineReason(error)}`);
  }
}
