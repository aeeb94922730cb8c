import type Docker from 'dockerode';
import type { IdentifyingInfo } from './identity';
import type { Requests } from './request';

/** What an engine says of itself and its machine. */
export interface SystemInfo extends IdentifyingInfo {
  NCPU?: number;
  MemTotal?: number;
  SecurityOptions?: string[] | null;
}

/** Asks the engine that answers now at the client's endpoint. Rejects with a SandboxError. */
export function readSystemInfo(docker: Docker, requests: Requests, signal?: AbortSignal): Promise<SystemInfo> {
  const client = docker as unknown as { info(options: { abortSignal: AbortSignal }): Promise<SystemInfo> }; // its own types lack the options
  return requests.run('info', (abortSignal) => client.info({ abortSignal }), { signal });
}
