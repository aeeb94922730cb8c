import type Docker from 'dockerode';
import type { IdentifyingInfo } from './identity';
import type { Requests } from './request';

/** Docker API `SystemInfo`: the fields of `/info` that are used here. */
export interface SystemInfo extends IdentifyingInfo {
  NCPU?: number;
  MemTotal?: number;
  SecurityOptions?: string[] | null;
}

/** Reads the information of the engine that answers at the client's endpoint now. Rejects with a SandboxError. */
export function readSystemInfo(docker: Docker, requests: Requests, signal?: AbortSignal): Promise<SystemInfo> {
  // the client's own types lack the options
  const client = docker as unknown as { info(options: { abortSignal: AbortSignal }): Promise<SystemInfo> };
  return requests.run('info', (abortSignal) => client.info({ abortSignal }), { signal });
}
