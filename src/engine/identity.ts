import { createHash } from 'node:crypto';
import type { EngineInfo } from './engine';

/** What `/info` says of an engine that may tell it from others. */
export interface IdentifyingInfo {
  ID?: string;
  DockerRootDir?: string;
  Name?: string;
}

/**
 * Which engine it is, more exactly: which store of containers and volumes, since that is what a sandbox is lost with. It outlives an engine's
 * restart and its upgrade. Docker keeps an id for each installation; two daemons on one machine share it up to version 22 (`/etc/docker/key.json`)
 * and differ in their folders. Podman's compatible API makes up another id for each request, so there it is the place: socket, folder, host.
 */
export function engineId(
  product: EngineInfo['product'],
  endpoint: string,
  { ID = '', DockerRootDir = '', Name = '' }: IdentifyingInfo,
): string {
  const marks = product === 'docker' && ID !== '' ? [ID, DockerRootDir] : [endpoint, DockerRootDir, Name];
  return `${product}-${createHash('sha256').update(JSON.stringify(marks)).digest('hex').slice(0, 24)}`;
}

/** An engine as people know it: `Podman 5.4 at unix:///run/podman/podman.sock`, with the context that leads to it. */
export function engineName({
  product,
  version,
  endpoint,
  context,
}: Pick<EngineInfo, 'product' | 'version' | 'endpoint' | 'context'>): string {
  const name = { docker: 'Docker', podman: 'Podman', unknown: 'engine' }[product];
  return `${name} ${version} (${context === '' ? '' : `context ${context}, `}${endpoint})`;
}
