import { SandboxError } from '../protocol/errors';

/** What named an engine: an environment variable, or a context of Docker's, chosen by its variable or in Docker's configuration. */
export type NamedBy = { by: 'DOCKER_HOST' } | { by: 'DOCKER_CONTEXT' | 'currentContext'; context: string };

/** Where an engine may listen. `label` is for people and never holds credentials. */
export type Endpoint = { label: string; named?: NamedBy } & ({ socketPath: string } | { host: string; port: number });

export const unix = (socketPath: string): Endpoint => ({ socketPath, label: `unix://${socketPath}` });
export const pipe = (socketPath: string): Endpoint => ({ socketPath, label: `npipe:${socketPath}` });

/** Where Docker's own CLI looks unless it is told otherwise. Source: docker/cli opts/hosts.go */
export const DEFAULT_SOCKET = '/var/run/docker.sock';
export const DEFAULT_PIPE = '//./pipe/docker_engine';

/**
 * The endpoint of an address as `DOCKER_HOST` and contexts have it.
 * @param tls whether TLS is asked for beside the address; sockets and pipes have none
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
