import type { ContainerCreateOptions, ContainerInspectInfo, HostConfig, MountSettings } from 'dockerode';
import type { EngineCapabilities, SandboxSpecification } from './engine';

const MIB = 1024 * 1024;

/** Labels of a sandbox's container. They never change. */
export const LABELS = {
  version: 'sandboxed-ipython.version',
  sandbox: 'sandboxed-ipython.sandbox',
  owner: 'sandboxed-ipython.owner',
  created: 'sandboxed-ipython.created',
  notebook: 'sandboxed-ipython.notebook',
  uid: 'sandboxed-ipython.uid',
  unused: 'sandboxed-ipython.unused',
  base: 'sandboxed-ipython.base',
} as const;
/** Value of {@link LABELS}.version. It is raised when this extension can no longer attach to containers of an older one. */
export const SANDBOX_VERSION = '3';

/** Name of the user and of the group of a sandbox's processes. */
export const SANDBOX_USER = 'sandbox';
/** The uids of sandboxes, which are also their gids. An image has a line for each of them, and looking up a name reads all lines. */
export const SANDBOX_UIDS = { first: 20_000, last: 21_999 } as const;
/** The host name of a sandbox. */
export const SANDBOX_HOST = 'sandbox';
export const SANDBOX_HOME = '/sandbox';
export const QUEUE_FOLDER = '/sandbox/.interactive';
/**
 * Python's options for processes that start often: isolated from the environment and the working folder, and without `site`, whose search
 * for packages would double the start time.
 */
export const STANDARD_LIBRARY_ONLY = ['-I', '-S'] as const;
export const RUNNER_FOLDER = '/opt/sandboxed-ipython';
/** Mount point of the volume of libraries. `runner/sandboxed_ipython/options.py` has the same path. */
export const LIBRARIES_FOLDER = '/opt/sandboxed-ipython-libraries';

/** The engine's network mode without a network. Docker also lists a network with this name. */
export const NO_NETWORK = 'none';

/** Kernel parameter that disables `::1` on a container's loopback. */
export const IPV6_LOOPBACK = 'net.ipv6.conf.lo.disable_ipv6';

export const containerName = (sandboxId: string): string => `sandboxed-ipython-${sandboxId}`;

/** The Python that runs a sandbox: the first word of its image's entrypoint. */
export const interpreterOf = ({ Config: { Entrypoint } }: ContainerInspectInfo): string =>
  (Array.isArray(Entrypoint) ? Entrypoint[0] : Entrypoint) ?? 'python3';

/**
 * Sizes in bytes of the writable folders, and of the log in `queue`. A tmpfs counts as memory, so cells may be unable to fill all of them.
 */
export function writableSizes({ memory, logBudget }: Pick<SandboxSpecification, 'memory' | 'logBudget'>): {
  home: number;
  tmp: number;
  shm: number;
  queue: number;
  log: number;
} {
  const log = Math.min(logBudget, Math.floor(memory / 8));
  // the extra space is for commands, results and the log segment that exceeds the budget
  return {
    home: Math.floor(memory / 2),
    tmp: Math.floor(memory / 4),
    shm: Math.floor(memory / 4),
    queue: log + 16 * MIB,
    log,
  };
}

/** Properties of the engine that complete a specification. */
export interface Placement {
  /** Number of cores of the engine. It rejects a request for more. */
  engineCpus: number;
  capabilities: Pick<EngineCapabilities, 'tmpfsCopiesUp' | 'writableFolders' | 'lacksIPv6Loopback'>;
  created: Date;
}

/** The options of a sandbox's container for Docker's API. They contain nothing of the host: no path, no environment, no device. */
export function containerOptions(
  specification: SandboxSpecification,
  { engineCpus, capabilities, created }: Placement,
): ContainerCreateOptions & { HostConfig: HostConfig } {
  const { memory, pids, uid } = specification;
  const sizes = writableSizes(specification);
  const copyUp = capabilities.tmpfsCopiesUp ? ',notmpcopyup' : '';
  const tmpfs = (size: number, exec: 'exec' | 'noexec'): string =>
    `rw,${exec},nosuid,nodev,mode=1777,size=${size}${copyUp}`;
  const closed = `ro,noexec,nosuid,nodev,size=4096${copyUp}`;
  return {
    name: containerName(specification.sandboxId),
    Image: specification.image,
    Hostname: SANDBOX_HOST,
    User: `${uid}:${uid}`,
    // not the home: if a tmpfs is mounted at the working directory, it takes the mode of the image's directory
    WorkingDir: '/',
    Cmd: [
      `--memory-limit=${memory}`,
      `--log-budget=${sizes.log}`,
      `--max-output=${specification.maxOutput}`,
      `--history-size=${specification.historySize}`,
      `--poll-interval=${specification.pollInterval}`,
      `--lease=${specification.lease}`,
      `--idle=${specification.idle}`,
    ],
    Env: [
      `HOME=${SANDBOX_HOME}`,
      `USER=${SANDBOX_USER}`,
      `LOGNAME=${SANDBOX_USER}`,
      'LANG=C.UTF-8',
      'MPLBACKEND=module://matplotlib_inline.backend_inline',
    ],
    Labels: {
      [LABELS.version]: SANDBOX_VERSION,
      [LABELS.sandbox]: specification.sandboxId,
      [LABELS.owner]: specification.owner,
      [LABELS.created]: created.toISOString(),
      [LABELS.notebook]: specification.notebookHint,
      [LABELS.uid]: String(uid),
    },
    Tty: false,
    OpenStdin: false,
    // without this the health check of the base image would run in the sandbox
    Healthcheck: { Test: ['NONE'] },
    StopSignal: 'SIGTERM',
    // seconds; the supervisor needs a fraction of a second, but some engines kill at once by default
    StopTimeout: 3,
    HostConfig: {
      AutoRemove: true,
      // the supervisor itself is process 1, so that no cell can kill it
      Init: false,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      Privileged: false,
      IpcMode: 'private',
      ReadonlyRootfs: true,
      Memory: memory,
      MemorySwap: memory,
      NanoCpus: nanoCpus(specification.cpus, engineCpus),
      PidsLimit: pids,
      ShmSize: sizes.shm,
      Tmpfs: {
        [SANDBOX_HOME]: tmpfs(sizes.home, 'exec'),
        '/tmp': tmpfs(sizes.tmp, 'exec'),
        [QUEUE_FOLDER]: tmpfs(sizes.queue, 'noexec'),
        ...Object.fromEntries(capabilities.writableFolders.map((folder) => [folder, closed])),
      },
      Mounts: [librariesMount(specification.libraries, { readOnly: true })],
      Ulimits: [
        { Name: 'core', Soft: 0, Hard: 0 },
        { Name: 'fsize', Soft: memory, Hard: memory },
        { Name: 'nofile', Soft: 16_384, Hard: 16_384 },
        // higher than `pids`; set because an engine's default may exceed the engine's own limit, and then no container starts
        { Name: 'nproc', Soft: Math.max(4096, pids), Hard: Math.max(4096, pids) },
      ],
      // the documented way to give a container only a loopback interface
      NetworkMode: NO_NETWORK,
      // so that a program can look up the address of its own host
      ExtraHosts: [`${SANDBOX_HOST}:127.0.0.1`],
      // programs also try ::1 for "localhost"
      ...(capabilities.lacksIPv6Loopback && { Sysctls: { [IPV6_LOOPBACK]: '0' } }),
      LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '1' } },
    },
  };
}

/** Mounts the volume with NoCopy: otherwise an engine would fill an empty volume with the image's files and take over their permissions. */
export const librariesMount = (volume: string, { readOnly }: { readOnly: boolean }): MountSettings => ({
  Type: 'volume',
  Source: volume,
  Target: LIBRARIES_FOLDER,
  ReadOnly: readOnly,
  VolumeOptions: { NoCopy: true, Labels: {}, DriverConfig: { Name: '', Options: {} } },
});

/** Billionths of a core, the unit of the API, rounded to the engine's precision of a hundredth. */
const nanoCpus = (asked: number, available: number): number =>
  Math.round(Math.min(asked, available) * 100) * 10_000_000;
