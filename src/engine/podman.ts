import type Docker from 'dockerode';
import type { Requests } from './request';

/** Properties of a container that only Podman's own API tells. */
export interface PodmanContainer {
  /** Capabilities that no process of the container can exceed; null = none. */
  BoundingCaps: readonly string[] | null;
}

/** Path prefix of Podman's own API, with the oldest version that is supported. */
const API = '/v4.0.0/libpod';

/** @throws SandboxError `EngineFailed` */
export function inspectByPodman(
  docker: Docker,
  requests: Requests,
  containerId: string,
  signal: AbortSignal | undefined,
): Promise<PodmanContainer> {
  return requests.run(
    'inspect container by Podman',
    (abortSignal) =>
      new Promise((resolve, reject) => {
        docker.modem.dial(
          {
            path: `${API}/containers/${containerId}/json`,
            method: 'GET',
            statusCodes: { 200: true, 404: 'no such container', 500: 'server error' },
            abortSignal,
          },
          (error: unknown, answer: unknown) => {
            const caps =
              typeof answer === 'object' && answer !== null && 'BoundingCaps' in answer
                ? answer.BoundingCaps
                : undefined;
            if (error instanceof Error) {
              reject(error);
            } else if (caps === null || isList(caps)) {
              resolve({ BoundingCaps: caps });
            } else {
              reject(new Error('Podman does not tell the capabilities of a container'));
            }
          },
        );
      }),
    { signal },
  );
}

const isList = (value: unknown): value is string[] =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');
