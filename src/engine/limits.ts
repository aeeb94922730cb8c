import type { ContainerInspectInfo, HostConfig } from 'dockerode';
import { SandboxError } from '../protocol/errors';
import { NO_NETWORK, type containerOptions } from './specification';

type RequestedContainer = ReturnType<typeof containerOptions>;
/** `BoundingCaps` are the capabilities that no process of the container can exceed, if the engine tells them; null = none. */
type InspectedContainer = ContainerInspectInfo & { BoundingCaps?: readonly string[] | null };

/**
 * Compares the requested limits with those that the engine reports, before any code runs. Engines drop limits that their kernel does not
 * support, with a warning at most (on cgroup v1 without swap accounting, rootless engines without delegation).
 * @throws SandboxError `LimitNotApplied {limit, asked, got}` for the first difference
 */
export function checkLimits(asked: RequestedContainer, got: InspectedContainer): void {
  const want = asked.HostConfig;
  const have = got.HostConfig;
  const same = (limit: string, expected: unknown, actual: unknown): void => {
    if (expected !== actual) {
      throw new SandboxError('LimitNotApplied', { limit, asked: shown(expected), got: shown(actual) });
    }
  };
  same('memory', want.Memory, have.Memory);
  same('swap', want.MemorySwap, have.MemorySwap);
  same('pids', want.PidsLimit, have.PidsLimit);
  same('cpus', want.NanoCpus, effectiveNanoCpus(have));
  same('readOnlyRoot', true, have.ReadonlyRootfs);
  same('privileged', false, have.Privileged ?? false);
  same('user', asked.User, got.Config.User);
  same(
    'noNewPrivileges',
    true,
    securityOptions(have).some((option) => /^no-new-privileges(?:[:=]true)?$/.test(option)),
  );
  same(
    'seccomp',
    'default',
    securityOptions(have).find((option) => /^seccomp[:=]unconfined$/.test(option)) ?? 'default',
  );
  same('capabilities', 'none', capabilities(got));
  same(
    'mounts',
    (want.Mounts ?? []).map(({ Source, Target, ReadOnly }) => mount(Source, Target, !ReadOnly)).join(' '),
    got.Mounts.filter(({ Type }) => Type !== 'tmpfs')
      .map(({ Type, Name, Source, Destination, RW }) => mount(Type === 'volume' ? Name : Source, Destination, RW))
      .join(' '),
  );
  same('devices', 0, Array.isArray(have.Devices) ? have.Devices.length : 0);
  checkNetwork(got);
  for (const [name, mode] of [
    ['pidNamespace', have.PidMode],
    ['ipcNamespace', have.IpcMode],
    ['utsNamespace', have.UTSMode],
  ] as const) {
    same(name, false, /^(host|container:)/.test(mode ?? ''));
  }
  for (const folder of Object.keys({ ...want.Tmpfs, ...have.Tmpfs })) {
    const [asked, got] = [want, have].map(({ Tmpfs }) =>
      (Tmpfs?.[folder] ?? 'none')
        .split(',')
        .filter((option) => /^(ro|none|size=\d+)$/.test(option))
        .join(' '),
    );
    same(`tmpfs ${folder}`, asked, got);
  }
  same('shm', want.ShmSize, have.ShmSize);
  for (const { Name, Hard } of want.Ulimits ?? []) {
    same(
      `ulimit ${Name}`,
      Hard,
      have.Ulimits?.find((limit) => limit.Name?.toLowerCase().replace(/^rlimit_/, '') === Name)?.Hard,
    );
  }
}

/**
 * Checks that a sandbox has no network, both after its creation and after its start, because an engine attaches networks and assigns
 * addresses at the start. Docker lists its network `none`, without an address; Podman lists no network.
 * @throws SandboxError `LimitNotApplied {limit: 'networks' | 'networkMode', asked, got}`
 */
export function checkNetwork({
  HostConfig,
  NetworkSettings,
}: Pick<InspectedContainer, 'HostConfig' | 'NetworkSettings'>): void {
  const refuse = (limit: string, got: string): never => {
    throw new SandboxError('LimitNotApplied', { limit, asked: NO_NETWORK, got });
  };
  if (HostConfig.NetworkMode !== NO_NETWORK) {
    refuse('networkMode', HostConfig.NetworkMode ?? 'the default');
  }
  const networks = Object.entries(NetworkSettings.Networks ?? {});
  for (const [name] of networks) {
    if (name !== NO_NETWORK) {
      refuse('networks', name);
    }
  }
  for (const [name, settings] of [['its own', NetworkSettings], ...networks] as const) {
    const address = ADDRESSES.map((key) => (settings as unknown as Record<string, unknown>)[key]).find(
      (value) => value !== undefined && value !== null && value !== '',
    );
    if (address !== undefined) {
      refuse('networks', `${name}: ${shown(address)}`);
    }
  }
  const ports = Object.keys(NetworkSettings.Ports ?? {});
  if (ports.length > 0) {
    refuse('networks', ports.join(' '));
  }
}

/** Fields that are set if there is an interface besides the loopback. */
const ADDRESSES = [
  'IPAddress',
  'GlobalIPv6Address',
  'LinkLocalIPv6Address',
  'Gateway',
  'IPv6Gateway',
  'MacAddress',
] as const;

const mount = (source = '', target: string, writable: boolean): string =>
  `${source}:${target}:${writable ? 'rw' : 'ro'}`;

const shown = (value: unknown): string | number | boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : 'none';

/** The limit in billionths of a core. Some engines turn NanoCpus into a quota. */
function effectiveNanoCpus({ NanoCpus, CpuQuota, CpuPeriod }: HostConfig): number | undefined {
  if (NanoCpus) {
    return NanoCpus;
  }
  return CpuQuota && CpuPeriod ? Math.round((CpuQuota / CpuPeriod) * 1e9) : NanoCpus;
}

const strings = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
const securityOptions = (host: HostConfig): string[] => strings(host.SecurityOpt);

function capabilities(got: InspectedContainer): string {
  if (got.BoundingCaps !== undefined) {
    return got.BoundingCaps?.join(' ') || 'none';
  }
  const added = strings(got.HostConfig.CapAdd);
  if (added.length > 0) {
    return added.join(' ');
  }
  return strings(got.HostConfig.CapDrop).some((name) => name.toUpperCase() === 'ALL') ? 'none' : 'the default set';
}
