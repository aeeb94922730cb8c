import type Docker from 'dockerode';
import type { Log } from '../log';
import { SandboxError, isSandboxError } from '../protocol/errors';
import type {
  Engine,
  EngineCapabilities,
  EngineInfo,
  ExecStream,
  FoundSandbox,
  ImageRequest,
  ImagesFound,
  InstallRequest,
  LifeEvent,
  SandboxFile,
  SandboxSpecification,
  SandboxState,
  UnusedImage,
} from './engine';
import { openExec } from './exec';
import type { ImageContext } from './image/context';
import { ensureImage, findImages, findUnusedImages, rebuildImage } from './image/ensure-image';
import { IMAGE_KEPT_MS, findUnused, removeOurs } from './image/unused';
import { engineId, engineName } from './identity';
import { install } from './installer';
import { Libraries, installerOf } from './libraries';
import { LifeEvents } from './life-events';
import { checkLimits, checkNetwork } from './limits';
import { MainOutput } from './main-output';
import { inspectByPodman } from './podman';
import type { Progress } from './progress';
import { putFiles } from './put-files';
import { removeContainer } from './remove';
import { retryWhileHalfRemoved, engineReason, isNotFound, type Requests } from './request';
import { readSystemInfo } from './system-info';
import {
  IPV6_LOOPBACK,
  LABELS,
  LIBRARIES_FOLDER,
  RUNNER_FOLDER,
  SANDBOX_VERSION,
  STANDARD_LIBRARY_ONLY,
  containerName,
  containerOptions,
  interpreterOf,
} from './specification';
import { sweepEach } from './sweep';

/** A container that was created and not started for this long is abandoned: its window was killed. */
const ABANDONED_AFTER_MS = 10 * 60_000;
/** How long libraries that no container uses are kept: a window may keep them for the next sandbox of its notebook. */
const LIBRARIES_KEPT_MS = { unused: 7 * 24 * 3600_000, fresh: 24 * 3600_000 };
/**
 * Time between sweeps while no sandbox is started. It is short enough to remove marks on libraries that this window holds before they
 * expire.
 */
const SWEEP_INTERVAL_MS = 12 * 3600_000;
/**
 * The relay's user differs from the cells' user, so that no cell can end, trace or replace a relay. Like all processes in a sandbox it has
 * no capabilities.
 */
const RELAY_USER = '0:0';
/** Time from a sandbox's start to the sweep, so that the sweep does not delay the first cell. */
const SWEEP_DELAY_MS = 1_000;
/** Times after which to look again for a container whose creation was not answered, or that could not be removed. */
const STRAY_CHECKS_MS = [500, 2_000, 5_000, 15_000, 60_000, 300_000];

/** An engine with Docker's API: Docker or Podman, local or over TCP. `connectEngine` creates it. */
export class DockerEngine implements Engine {
  readonly #events: LifeEvents;
  readonly #output: MainOutput;
  readonly #libraries: Libraries;
  /** The Python interpreter of each sandbox's image, by container id. It runs the relay. */
  readonly #interpreters = new Map<string, string>();
  /** The owner of the sandboxes that were created here. */
  #owner: string | undefined;
  /** Names of the images that were requested here. */
  readonly #images = new Set<string>();
  /** Whether the machine's kernel has no IPv6, so that no container can get the IPv6 loopback. */
  #hasNoIPv6 = false;
  /** The uids of sandboxes that are being created here, which the engine does not list yet. */
  readonly #uidsInCreation = new Set<number>();
  #nextSweep: NodeJS.Timeout | undefined;
  #regularSweeps: NodeJS.Timeout | undefined;

  constructor(
    private readonly docker: Docker,
    private readonly requests: Requests,
    readonly info: EngineInfo,
    private readonly log: Log,
  ) {
    this.#events = new LifeEvents(docker, requests, log, () => {
      if (this.#owner !== undefined) {
        this.#sweepSoon(this.#owner);
      }
    });
    this.#output = new MainOutput(docker, requests);
    this.#libraries = new Libraries(docker, requests, log);
  }

  get isBusy(): boolean {
    return this.requests.pulse.isBusy;
  }

  onBusy(listener: (isBusy: boolean) => void): { dispose(): void } {
    return this.requests.pulse.onBusy(listener);
  }

  async isStillThere(): Promise<boolean> {
    const { product, endpoint, id } = this.info;
    return engineId(product, endpoint, await readSystemInfo(this.docker, this.requests)) === id;
  }

  rest(): void {
    clearTimeout(this.#nextSweep);
    clearInterval(this.#regularSweeps);
    this.#nextSweep = this.#regularSweeps = undefined;
    this.#owner = undefined; // so that events of the engine start no sweep either, until a sandbox is created here
  }

  async create(specification: SandboxSpecification, signal?: AbortSignal): Promise<string> {
    this.#uidsInCreation.add(specification.uid);
    try {
      return await this.#createOnce(specification, signal);
    } catch (error) {
      if (
        this.#hasNoIPv6 ||
        !isSandboxError(error, 'StartFailed') ||
        !engineReason(error).includes(IPV6_LOOPBACK.split('.').pop() ?? '')
      ) {
        throw error;
      }
      this.log.info('engine: its machine has no IPv6, so sandboxes are started without');
      this.#hasNoIPv6 = true;
      return await this.#createOnce(specification, signal);
    } finally {
      this.#uidsInCreation.delete(specification.uid);
    }
  }

  async #createOnce(specification: SandboxSpecification, signal: AbortSignal | undefined): Promise<string> {
    if (!this.info.seccomp) {
      throw new SandboxError('LimitNotApplied', { limit: 'seccomp', asked: 'default', got: 'none' });
    }
    let id: string | undefined;
    try {
      await this.#libraries.ensure(specification, signal);
      const asked = containerOptions(specification, {
        engineCpus: this.info.cpus,
        capabilities: this.#capabilities,
        created: new Date(),
      });
      const { id: containerId } = await this.requests.run(
        'create container',
        (abortSignal) => this.docker.createContainer({ ...asked, abortSignal }),
        { signal },
      );
      id = containerId;
      const [got] = await Promise.all([
        this.#inspectCreated(containerId, signal),
        // needed only for the message of a failed start
        this.#output.follow(containerId, signal).catch((error: unknown) => {
          this.log.debug(`engine: no output of ${containerId}, ${engineReason(error)}`);
        }),
      ]);
      checkLimits(asked, got);
      this.#interpreters.set(containerId, interpreterOf(got));
      await this.requests.run(
        'start container',
        (abortSignal) => this.docker.getContainer(containerId).start({ abortSignal }),
        { signal },
      );
      await this.#checkStarted(containerId, signal);
      this.log.info(`engine: sandbox ${specification.sandboxId} started in container ${containerId.slice(0, 12)}`);
      this.#owner = specification.owner;
      // at each start, because this window may not have noticed that the engine has restarted and left containers behind
      this.#sweepSoon(this.#owner);
      return containerId;
    } catch (error) {
      await this.requests.cleanUp(this.#removeStray(id ?? containerName(specification.sandboxId), id !== undefined));
      throw startFailure(error);
    }
  }

  async openStream(containerId: string, signal?: AbortSignal): Promise<ExecStream> {
    const interpreter = await this.#interpreter(containerId, signal);
    return openExec(this.#imageContext, {
      containerId,
      command: [interpreter, ...STANDARD_LIBRARY_ONLY, `${RUNNER_FOLDER}/relay.py`],
      user: RELAY_USER,
      signal,
      patience: this.requests.deadlines['busy stream'],
    });
  }

  async putFiles(
    containerId: string,
    files: readonly SandboxFile[],
    signal?: AbortSignal,
  ): Promise<Map<number, string>> {
    const interpreter = await this.#interpreter(containerId, signal);
    return putFiles(this.#imageContext, { containerId, interpreter, files, signal });
  }

  async setMemory(containerId: string, bytes: number): Promise<void> {
    await this.requests.run('update container', (abortSignal) =>
      this.docker.getContainer(containerId).update({ Memory: bytes, MemorySwap: bytes, abortSignal }),
    );
  }

  async inspect(containerId: string): Promise<SandboxState | null> {
    try {
      const { State } = await this.#inspectContainer(containerId);
      const running = State.Running || State.Status === 'stopping'; // Podman's state while it waits for the end
      return { running, paused: State.Paused, exitCode: running ? null : State.ExitCode };
    } catch (error) {
      if (!isNotFound(error)) {
        throw error;
      }
      if (!(await this.isStillThere())) {
        throw new SandboxError('OtherEngine', { engine: engineName(this.info) }, { cause: error });
      }
      return null;
    }
  }

  async findSandboxes(owner: string): Promise<FoundSandbox[]> {
    const containers = await this.#sandboxes({
      label: [`${LABELS.owner}=${owner}`, `${LABELS.version}=${SANDBOX_VERSION}`],
      status: ['running', 'paused'],
    });
    return containers.flatMap(({ Id, Labels, Image, Created, Mounts }) => {
      const sandboxId = Labels[LABELS.sandbox];
      const libraries = Mounts.find(({ Destination }) => Destination === LIBRARIES_FOLDER)?.Name;
      return sandboxId === undefined || libraries === undefined
        ? []
        : [
            {
              sandboxId,
              containerId: Id,
              notebookHint: Labels[LABELS.notebook] ?? '',
              image: Image,
              libraries,
              created: Created * 1000,
            },
          ];
    });
  }

  onLifeEvent(listener: (event: LifeEvent) => void): { dispose(): void } {
    return this.#events.listen(listener);
  }

  async remove(containerId: string): Promise<void> {
    this.#interpreters.delete(containerId);
    await removeContainer(this.docker, this.requests, containerId);
    this.#output.forget(containerId);
  }

  async removeAll(owner: string): Promise<void> {
    // containers in every state, because also one that never started, or ended without removing itself, uses its volume
    const [containers, libraries] = await Promise.all([
      this.#sandboxes({ label: [LABELS.sandbox, `${LABELS.owner}=${owner}`] }),
      this.#libraries.of(owner),
    ]);
    const removals = await Promise.allSettled(
      [...containers.map(({ Id }) => Id), ...libraries.map(installerOf)].map((idOrName) => this.remove(idOrName)),
    );
    const failures = removals.flatMap((removal): unknown[] => (removal.status === 'rejected' ? [removal.reason] : []));
    const silence = failures.find(
      (failure) => isSandboxError(failure, 'EngineSilent') || isSandboxError(failure, 'EngineBusy'),
    );
    if (silence !== undefined) {
      throw silence;
    } // the engine would not answer further requests either
    await this.#libraries.removeAll(owner);
    if (failures.length > 0) {
      throw failures[0];
    }
  }

  async logs(containerId: string): Promise<string> {
    return this.#output.read(containerId);
  }

  async ensureImage(request: ImageRequest, progress: Progress, signal?: AbortSignal): Promise<string> {
    return ensureImage(this.#imageContext, request, progress, signal, this.#images);
  }

  async rebuildImage(request: ImageRequest, progress: Progress, signal?: AbortSignal): Promise<string> {
    return rebuildImage(this.#imageContext, request, progress, signal);
  }

  async findUnusedImages(request: ImageRequest): Promise<UnusedImage[]> {
    return findUnusedImages(this.#imageContext, request);
  }

  async removeImages(ids: readonly string[]): Promise<string[]> {
    const gone: string[] = [];
    // a window may have started to use an image since it was found
    const unused = new Set((await findUnused(this.#imageContext, this.#images)).map(({ id }) => id));
    // in the order in which they were found, the newest first, so that an image is removed before its parent
    for (const id of ids) {
      if (unused.has(id) && (await removeOurs(this.#imageContext, id))) {
        gone.push(id);
      }
    }
    return gone;
  }

  async findImages(request: ImageRequest): Promise<ImagesFound> {
    return findImages(this.#imageContext, request);
  }

  async install(request: InstallRequest, onLine: (line: string) => void, signal?: AbortSignal): Promise<void> {
    return install(this.#imageContext, request, onLine, signal);
  }

  async removeLibraries(name: string): Promise<void> {
    return this.#libraries.remove(name);
  }

  holdLibraries(name: string): void {
    this.#libraries.hold(name);
  }

  async hasLibraries(name: string): Promise<boolean> {
    return this.#libraries.has(name);
  }

  async usedUids(): Promise<Set<number>> {
    const uids = (await this.#sandboxes()).map(({ Labels }) => Number.parseInt(Labels[LABELS.uid] ?? '', 10));
    return new Set([...uids.filter((uid) => !Number.isNaN(uid)), ...this.#uidsInCreation]);
  }

  dispose(): void {
    this.rest();
    this.#events.dispose();
    this.#output.dispose();
    this.requests.dispose();
  }

  get #capabilities(): EngineCapabilities {
    const { capabilities } = this.info;
    return this.#hasNoIPv6 ? { ...capabilities, lacksIPv6Loopback: false } : capabilities;
  }

  get #imageContext(): ImageContext {
    return { docker: this.docker, requests: this.requests, log: this.log };
  }

  /**
   * Inspects a created container, and asks Podman's own API for the capabilities of its processes where Docker's API does not tell them.
   */
  async #inspectCreated(
    containerId: string,
    signal: AbortSignal | undefined,
  ): Promise<Docker.ContainerInspectInfo & { BoundingCaps?: readonly string[] | null }> {
    const inspect = this.#inspectContainer(containerId, signal);
    if (!this.info.capabilities.hidesCapabilities) {
      return inspect;
    }
    const [info, { BoundingCaps }] = await Promise.all([
      inspect,
      inspectByPodman(this.docker, this.requests, containerId, signal),
    ]);
    return { ...info, BoundingCaps };
  }

  /**
   * Checks the network again after the start and before the first cell, because an engine attaches networks and assigns addresses at the
   * start.
   */
  async #checkStarted(containerId: string, signal: AbortSignal | undefined): Promise<void> {
    try {
      checkNetwork(await this.#inspectContainer(containerId, signal));
    } catch (error) {
      if (!isNotFound(error)) {
        throw error;
      } // the container has ended and removed itself: its output tells why
    }
  }

  #inspectContainer(containerId: string, signal?: AbortSignal): Promise<Docker.ContainerInspectInfo> {
    return this.requests.run(
      'inspect container',
      (abortSignal) => this.docker.getContainer(containerId).inspect({ abortSignal } as object),
      { signal },
    );
  }

  async #sandboxes(filters: Record<string, string[]> = { label: [LABELS.sandbox] }): Promise<Docker.ContainerInfo[]> {
    return retryWhileHalfRemoved(this.requests, () =>
      this.requests.run('list containers', (abortSignal) => {
        const options = { all: true, filters, abortSignal };
        return this.docker.listContainers(options);
      }),
    );
  }

  /**
   * Removes what no window uses any more: started containers remove themselves, but not containers whose window was killed before their
   * start, containers that an engine was removing when it stopped (though it may have reported them as gone), volumes and images. It keeps
   * everything of other owners, and images that anybody has used recently.
   */
  async #sweep(owner: string): Promise<void> {
    const kinds = {
      containers: () => this.#sweepContainers(owner),
      libraries: () => this.#libraries.sweep(owner, LIBRARIES_KEPT_MS),
      images: () => this.#sweepImages(),
    };
    for (const [kind, sweep] of Object.entries(kinds)) {
      // a failure with one kind does not keep the others from being removed
      await sweep().catch((error: unknown) => {
        this.log.debug(`engine: ${kind} not swept, ${engineReason(error)}`);
      });
    }
  }

  async #sweepContainers(owner: string): Promise<void> {
    // without a filter for the state, because some engines reject a state that they do not know
    const ours = (await this.#sandboxes({ label: [LABELS.version] })).filter(
      ({ Labels }) => (Labels[LABELS.owner] ?? owner) === owner,
    ); // containers that build images have no owner
    const isUseless = ({ Created, State }: Docker.ContainerInfo): boolean =>
      State === 'dead' || (State === 'created' && Date.now() - Created * 1000 > ABANDONED_AFTER_MS);
    await sweepEach(
      'container',
      ours.filter(isUseless).map(({ Id }) => Id),
      (id) => removeContainer(this.docker, this.requests, id),
      this.log,
    );
  }

  async #sweepImages(): Promise<void> {
    for (const { id, name } of await findUnused(this.#imageContext, this.#images, {
      before: Date.now() - IMAGE_KEPT_MS,
    })) {
      if (await removeOurs(this.#imageContext, id)) {
        this.log.info(`engine: removed the image ${name}, which nobody has used for two weeks`);
      }
    }
  }

  #sweepSoon(owner: string): void {
    this.#regularSweeps ??= setInterval(() => {
      void this.#sweep(owner);
    }, SWEEP_INTERVAL_MS).unref();
    this.#nextSweep ??= setTimeout(() => {
      this.#nextSweep = undefined;
      void this.#sweep(owner);
    }, SWEEP_DELAY_MS).unref();
  }

  /** Removes what a failed creation left. The engine may still be creating a container whose request was dropped. */
  async #removeStray(idOrName: string, exists: boolean): Promise<void> {
    this.#interpreters.delete(idOrName);
    let removed = false;
    try {
      await removeContainer(this.docker, this.requests, idOrName);
      this.#output.forget(idOrName);
      removed = true;
    } catch (error) {
      this.log.warn(`engine: container ${idOrName} could not be removed, ${engineReason(error)}`);
    }
    if (exists && removed) {
      return;
    }
    for (const wait of STRAY_CHECKS_MS) {
      setTimeout(() => {
        removeContainer(this.docker, this.requests, idOrName).catch(() => undefined);
      }, wait).unref();
    }
  }

  async #interpreter(containerId: string, signal: AbortSignal | undefined): Promise<string> {
    const known = this.#interpreters.get(containerId);
    if (known !== undefined) {
      return known;
    }
    try {
      const got = await this.#inspectContainer(containerId, signal);
      const interpreter = interpreterOf(got);
      this.#interpreters.set(containerId, interpreter);
      return interpreter;
    } catch (error) {
      if (isNotFound(error)) {
        throw new SandboxError('SandboxGone', { reason: 'removed' }, { cause: error });
      }
      throw error;
    }
  }
}

/** Turns the engine's refusal to start a container into `StartFailed` with the engine's reason. */
function startFailure(error: unknown): unknown {
  if (error instanceof SandboxError && error.code === 'EngineFailed' && error.params['status'] !== 0) {
    return new SandboxError('StartFailed', { reason: engineReason(error) }, { cause: error });
  }
  return error;
}
