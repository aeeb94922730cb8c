import type Docker from 'dockerode';
import type { EngineMarks } from './identity';
import type { Requests } from './request';

/** What an engine says of itself and its machine. */
export interface SelfDescription extends EngineMarks {
  NCPU?: number;
  MemTotal?: number;
  SecurityOptions?: string[] | null;
}

/** Asks the engine that answers now at the client's endpoint. Rejects with a SandboxError. */
export function describeSelf(docker: Docker, requests: Requests, signal?: AbortSignal): Promise<SelfDescription> {
  const client = docker as unknown as { info(options: { abortSignal: AbortSignal }): Promise<SelfDescription> }; // its own types lack the options
  return requests.run('info', (abortSignal) => client.info({ abortSignal }), { signal });
}
