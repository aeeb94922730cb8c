import type { ContainerInspectInfo, HostConfig } from 'dockerode';
import { SandboxError } from '../protocol/errors';
import type { containerOptions } from './specification';

type Asked = ReturnType<typeof containerOptions>;
/** `EffectiveCaps` is Podman's, which lists `CapDrop` one by one. */
type Got = ContainerInspectInfo & { EffectiveCaps?: string[] | null };

/**
 * Compares what was asked for with what the engine says that it made of it, before any code runs.
 * Engines drop what their kernel lacks with a warning at most (`runner` on cgroup v1 without swap accounting, rootless engines without delegation).
 * @throws SandboxError `LimitNotApplied {limit, asked, got}` for the first difference
 */
export function checkLimits(asked: Asked, got: Got): void {
  const want = asked.HostConfig;
  const have = got.HostConfig;
  const same = (limit: string, expected: unknown, actual: unknown): void => {
    if (expected !== actual) throw new SandboxError('LimitNotApplied', { limit, asked: shown(expected), got: shown(actual) });
  };
  same('memory', want.Memory, have.Memory);
  same('swap', want.MemorySwap, have.MemorySwap);
  same('pids', want.PidsLimit, have.PidsLimit);
  same('cpus', want.NanoCpus, effectiveNanoCpus(have));
  same('readOnlyRoot', true, have.ReadonlyRootfs);
  same('privileged', false, have.Privileged ?? false);
  same('user', asked.User, got.Config.User);
  same('noNewPrivileges', true, securityOptions(have).some((option) => /^no-new-privileges(?:[:=]true)?$/.test(option)));
  same('seccomp', 'default', securityOptions(have).find((option) => /^seccomp[:=]unconfined$/.test(option)) ?? 'default');
  same('capabilities', 'none', capabilities(got));
  same('mounts', '', got.Mounts.filter(({ Type }) => Type !== 'tmpfs').map(({ Destination }) => Destination).join(' '));
  same('devices', 0, Array.isArray(have.Devices) ? have.Devices.length : 0);
  same('networks', '', Object.keys(got.NetworkSettings.Networks ?? {}).join(' '));
  for (const [name, mode] of [['pidNamespace', have.PidMode], ['ipcNamespace', have.IpcMode], ['networkNamespace', have.NetworkMode], ['utsNamespace', have.UTSMode]] as const) {
    same(name, false, /^(host|container:)/.test(mode ?? ''));
  }
  for (const [folder, options] of Object.entries(want.Tmpfs ?? {})) {
    const size = /size=\d+/.exec(options)?.[0];
    same(`tmpfs ${folder}`, size, /size=\d+/.exec(have.Tmpfs?.[folder] ?? '')?.[0]);
  }
  same('shm', want.ShmSize, have.ShmSize);
  for (const { Name, Hard } of want.Ulimits ?? []) {
    same(`ulimit ${Name}`, Hard, have.Ulimits?.find((limit) => limit.Name?.toLowerCase().replace(/^rlimit_/, '') === Name)?.Hard);
  }
}

const shown = (value: unknown): string | number | boolean =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : 'none';

/** Some engines turn NanoCpus into a quota. */
function effectiveNanoCpus({ NanoCpus, CpuQuota, CpuPeriod }: HostConfig): number | undefined {
  if (NanoCpus) return NanoCpus;
  return CpuQuota && CpuPeriod ? Math.round((CpuQuota / CpuPeriod) * 1e9) : NanoCpus;
}

const strings = (value: unknown): string[] => (Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : []);
const securityOptions = (host: HostConfig): string[] => strings(host.SecurityOpt);

function capabilities(got: Got): string {
  if (Array.isArray(got.EffectiveCaps)) return got.EffectiveCaps.join(' ') || 'none';
  const added = strings(got.HostConfig.CapAdd);
  if (added.length > 0) return added.join(' ');
  return strings(got.HostConfig.CapDrop).some((name) => name.toUpperCase() === 'ALL') || got.EffectiveCaps === null ? 'none' : 'the default set';
}
