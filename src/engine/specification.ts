import type { ContainerCreateOptions, ContainerInspectInfo, HostConfig, MountSettings } from 'dockerode';
import type { EngineCapabilities, SandboxSpecification } from './engine';

const MIB = 1024 * 1024;

/** Labels of a sandbox's container: only what never changes. */
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
/** Value of {@link LABELS}.version: rises when containers of an older extension can no longer be attached to. */
export const SANDBOX_VERSION = '3';

/** Name of the user and the group that a sandbox's processes are. */
export const SANDBOX_USER = 'sandbox';
/** The uids of sandboxes, each also a gid. An image has a line for each of them, and looking a name up reads them all. */
export const SANDBOX_UIDS = { first: 20_000, last: 21_999 } as const;
/** The host name of a sandbox. */
export const SANDBOX_HOST = 'sandbox';
export const SANDBOX_HOME = '/sandbox';
export const QUEUE_FOLDER = '/sandbox/.interactive';
/** Python's options for what runs at each start: isolated from environment and working folder, and without the look for packages (`site`), which costs as much again. */
export const STANDARD_LIBRARY_ONLY = ['-I', '-S'] as const;
export const RUNNER_FOLDER = '/opt/sandboxed-ipython';
/** Where the volume of libraries is mounted; `runner/sandboxed_ipython/options.py` has the same. */
export const LIBRARIES_FOLDER = '/opt/sandboxed-ipython-libraries';

/** The engine's network mode, and Docker's name of the network, that leads nowhere. */
export const NO_NETWORK = 'none';

/** Kernel parameter that takes `::1` from a container's loopback. */
export const IPV6_LOOPBACK = 'net.ipv6.conf.lo.disable_ipv6';

export const containerName = (sandboxId: string): string => `sandboxed-ipython-${sandboxId}`;

/** The Python that runs a sandbox: the first word of its image's entrypoint. */
export const interpreterOf = ({ Config: { Entrypoint } }: ContainerInspectInfo): string =>
  (Array.isArray(Entrypoint) ? Entrypoint[0] : Entrypoint) ?? 'python3';

/** Sizes in bytes of the writable places, and of the log in `queue`; tmpfs counts as memory, so their sum may exceed what a cell can fill. */
export function writableSizes({ memory, logBudget }: Pick<SandboxSpecification, 'memory' | 'logBudget'>): {
  home: number;
  tmp: number;
  shm: number;
  queue: number;
  log: number;
} {
  const log = Math.min(logBudget, Math.floor(memory / 8));
  // the rest is room for commands, results and the segment over the budget
  return {
    home: Math.floor(memory / 2),
    tmp: Math.floor(memory / 4),
    shm: Math.floor(memory / 4),
    queue: log + 16 * MIB,
    log,
  };
}

/** What the engine adds to a specification. */
export interface Placement {
  /** Cores that the engine has; asking for more is an error there. */
  engineCpus: number;
  capabilities: Pick<EngineCapabilities, 'tmpfsCopiesUp' | 'writableFolders' | 'lacksIPv6Loopback'>;
  created: Date;
}

/** The container of a sandbox as Docker's API wants it. Nothing of the host gets in: no path, no environment, no device. */
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
    // the mount point of a tmpfs takes the mode of the image's directory where it is the working directory
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
    // a base image's own health check would run in the sandbox
    Healthcheck: { Test: ['NONE'] },
    StopSignal: 'SIGTERM',
    // seconds, of which the supervisor needs a fraction; unsaid, some engines kill at once
    StopTimeout: 3,
    HostConfig: {
      AutoRemove: true,
      // the supervisor is process 1 itself: as such it cannot be killed from a cell
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
        // above what `pids` allows; said only because an engine's own default may be more than it has itself, and then nothing starts
        { Name: 'nproc', Soft: Math.max(4096, pids), Hard: Math.max(4096, pids) },
      ],
      // the engine's documented way to a container with a loopback and nothing else
      NetworkMode: NO_NETWORK,
      // a program that asks for the address of its own host gets one
      ExtraHosts: [`${SANDBOX_HOST}:127.0.0.1`],
      // what listens at "localhost" is asked for at ::1 too
      ...(capabilities.lacksIPv6Loopback && { Sysctls: { [IPV6_LOOPBACK]: '0' } }),
      LogConfig: { Type: 'json-file', Config: { 'max-size': '1m', 'max-file': '1' } },
    },
  };
}

/** The volume as it is: an engine would fill an empty one with what the image has there, and take over its rights. */
export const librariesMount = (volume: string, { readOnly }: { readOnly: boolean }): MountSettings => ({
  Type: 'volume',
  Source: volume,
  Target: LIBRARIES_FOLDER,
  ReadOnly: readOnly,
  VolumeOptions: { NoCopy: true, Labels: {}, DriverConfig: { Name: '', Options: {} } },
});

/** Billionths of a core, as the API counts, in the engine's steps of a hundredth. */
const nanoCpus = (asked: number, available: number): number =>
  Math.round(Math.min(asked, available) * 100) * 10_000_000;
