import { posix } from 'node:path';
import { SandboxError } from '../protocol/errors';

/** Where an engine may listen. `label` is for people and never holds credentials. */
export type Endpoint = { label: string } & ({ socketPath: string } | { host: string; port: number });

/** What of the machine decides where engines are looked for. */
export interface Machine {
  platform: NodeJS.Platform;
  env: Readonly<Record<string, string | undefined>>;
  /** Home folder of the user. */
  home: string;
  /** Numeric id of the user; undefined on Windows. */
  uid: number | undefined;
}

/**
 * The endpoints to try, in order: the one that `DOCKER_HOST` names, else the sockets that the usual engines make.
 * @throws SandboxError `EngineNotFound` with `reason` `ssh`, `tls` or `malformed` if `DOCKER_HOST` cannot be used
 */
export function endpointCandidates({ platform, env, home, uid }: Machine): Endpoint[] {
  const named = env['DOCKER_HOST']?.trim();
  if (named) return [parseDockerHost(named, env)];
  if (platform === 'win32') return [pipe('//./pipe/docker_engine'), pipe('//./pipe/podman-machine-default')];
  const inHome = (...parts: string[]): string => posix.join(home, ...parts);
  const runtimeDir = env['XDG_RUNTIME_DIR'] ?? (uid === undefined ? undefined : `/run/user/${uid}`);
  const paths = platform === 'darwin'
    ? [
      '/var/run/docker.sock', inHome('.docker/run/docker.sock'), inHome('.orbstack/run/docker.sock'), inHome('.colima/default/docker.sock'),
      inHome('.rd/docker.sock'), inHome('.local/share/containers/podman/machine/podman.sock'),
    ]
    : [
      '/var/run/docker.sock', ...(runtimeDir ? [posix.join(runtimeDir, 'docker.sock')] : []), inHome('.docker/desktop/docker.sock'),
      inHome('.docker/run/docker.sock'), inHome('.colima/default/docker.sock'), inHome('.rd/docker.sock'),
      ...(runtimeDir ? [posix.join(runtimeDir, 'podman/podman.sock')] : []), '/run/podman/podman.sock',
    ];
  return paths.map(unix);
}

const unix = (socketPath: string): Endpoint => ({ socketPath, label: `unix://${socketPath}` });
const pipe = (socketPath: string): Endpoint => ({ socketPath, label: `npipe:${socketPath}` });

function parseDockerHost(value: string, env: Machine['env']): Endpoint {
  const refuse = (reason: string, tried = value): never => {
    throw new SandboxError('EngineNotFound', { tried, reason });
  };
  if (value.startsWith('unix://')) return unix(value.slice('unix://'.length) || '/var/run/docker.sock');
  if (value.startsWith('npipe://')) return pipe(value.slice('npipe://'.length) || '//./pipe/docker_engine');
  if (value.startsWith('/')) return unix(value);
  let url: URL;
  try {
    url = new URL(value.includes('://') ? value : `tcp://${value}`);
  } catch {
    return refuse('malformed', redactUserInfo(value));
  }
  const label = `${url.protocol}//${url.host}`;
  if (url.protocol === 'ssh:') return refuse('ssh', label);
  if (url.protocol === 'https:' || url.port === '2376' || isSet(env['DOCKER_TLS_VERIFY'])) return refuse('tls', label);
  if ((url.protocol !== 'tcp:' && url.protocol !== 'http:') || !url.hostname) return refuse('malformed', label);
  return { host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(url.port || 2375), label };
}

const isSet = (value: string | undefined): boolean => value !== undefined && value !== '' && value !== '0';
const redactUserInfo = (text: string): string => text.replace(/^[^@]*@/, '');
