import { createHash } from 'node:crypto';
import type { EngineInfo } from './engine';

/** The fields of `/info` that may identify an engine. */
export interface IdentifyingInfo {
  ID?: string;
  DockerRootDir?: string;
  Name?: string;
}

/**
 * Identifies an engine, more exactly its store of containers and volumes, because a sandbox exists only there. The id stays the same after
 * a restart and an upgrade. Docker keeps an id for each installation; up to version 22 two daemons on one machine share it
 * (`/etc/docker/key.json`) and differ in their folders. Podman's compatible API generates another id for each request, so Podman is
 * identified by its socket, its folder and its host.
 */
export function engineId(
  product: EngineInfo['product'],
  endpoint: string,
  { ID = '', DockerRootDir = '', Name = '' }: IdentifyingInfo,
): string {
  const marks = product === 'docker' && ID !== '' ? [ID, DockerRootDir] : [endpoint, DockerRootDir, Name];
  return `${product}-${createHash('sha256').update(JSON.stringify(marks)).digest('hex').slice(0, 24)}`;
}

/** The display name of an engine: `Podman 5.4 (unix:///run/podman/podman.sock)`, with its context if it has one. */
export function engineName({
  product,
  version,
  endpoint,
  context,
}: Pick<EngineInfo, 'product' | 'version' | 'endpoint' | 'context'>): string {
  const name = { docker: 'Docker', podman: 'Podman', unknown: 'engine' }[product];
  return `${name} ${version} (${context === '' ? '' : `context ${context}, `}${endpoint})`;
}
