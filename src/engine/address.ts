import { SandboxError } from '../protocol/errors';

/** What names an engine: an environment variable, or a Docker context that a variable or Docker's configuration selects. */
export type NamedBy = { by: 'DOCKER_HOST' } | { by: 'DOCKER_CONTEXT' | 'currentContext'; context: string };

/** An address at which an engine may listen. `label` is for display and never contains credentials. */
export type Endpoint = { label: string; named?: NamedBy } & ({ socketPath: string } | { host: string; port: number });

export const unix = (socketPath: string): Endpoint => ({ socketPath, label: `unix://${socketPath}` });
export const pipe = (socketPath: string): Endpoint => ({ socketPath, label: `npipe:${socketPath}` });

/** The addresses that Docker's own CLI uses by default. Source: docker/cli opts/hosts.go */
export const DEFAULT_SOCKET = '/var/run/docker.sock';
export const DEFAULT_PIPE = '//./pipe/docker_engine';

/**
 * Parses an address in the form that `DOCKER_HOST` and Docker contexts use.
 * @param tls whether TLS is requested separately from the address; it has no effect on sockets and pipes
 * @throws SandboxError `EngineNotFound {tried, reason, by, context?}` with reason `ssh`, `tls` or `malformed`
 */
export function parseAddress(address: string, named: NamedBy, tls: boolean): Endpoint {
  const refuse = (reason: string, tried: string): never => {
    throw new SandboxError('EngineNotFound', { tried, reason, ...named });
  };
  if (address.startsWith('unix://')) {
    return { ...unix(address.slice('unix://'.length) || DEFAULT_SOCKET), named };
  }
  if (address.startsWith('npipe://')) {
    return { ...pipe(address.slice('npipe://'.length) || DEFAULT_PIPE), named };
  }
  if (address.startsWith('/')) {
    return { ...unix(address), named };
  }
  let url: URL;
  try {
    url = new URL(address.includes('://') ? address : `tcp://${address}`);
  } catch {
    return refuse('malformed', redactUserInfo(address));
  }
  const label = `${url.protocol}//${url.host}`;
  if (url.protocol === 'ssh:') {
    return refuse('ssh', label);
  }
  if (url.protocol === 'https:' || url.port === '2376' || tls) {
    return refuse('tls', label);
  }
  if ((url.protocol !== 'tcp:' && url.protocol !== 'http:') || !url.hostname) {
    return refuse('malformed', label);
  }
  return { host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(url.port || 2375), label, named };
}

const redactUserInfo = (text: string): string => text.replace(/^[^@]*@/, '');
