import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const PATIENCE_MS = 20_000;

const socketPath = (process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock').replace('unix://', '');

interface Container {
  Id: string;
  Labels: Record<string, string>;
  Mounts: { Type: string; Name?: string }[];
}

/**
 * Removes the sandboxes, with their volumes, of the notebooks in this folder. A window that closes leaves them until
 * their lease expires, but a test must leave nothing.
 */
export async function removeSandboxesOf(folder: string): Promise<void> {
  await Promise.all(
    (await containersOf(folder)).map(async ({ Id, Mounts }) => {
      await remove(`/containers/${Id}?force=true`);
      await Promise.all(
        Mounts.filter(({ Type }) => Type === 'volume').map(({ Name = '' }) => remove(`/volumes/${Name}`)),
      );
    }),
  );
}

/** Returns the ids of the containers, in whatever state, of notebooks in this folder. */
export async function sandboxesOf(folder: string): Promise<string[]> {
  return (await containersOf(folder)).map(({ Id }) => Id);
}

async function containersOf(folder: string): Promise<Container[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: ['sandboxed-ipython.notebook'] }));
  const containers = (await request<Container[]>('GET', `/containers/json?all=true&filters=${filters}`)) ?? [];
  return containers.filter(({ Labels }) => Labels['sandboxed-ipython.notebook']?.includes(folder));
}

/** Retries, because others may remove it first, and a volume is in use until its container is gone. */
async function remove(path: string): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; ; await sleep(100)) {
    try {
      await request('DELETE', path);
      return;
    } catch (error) {
      if (Date.now() > end) {
        throw error;
      }
    }
  }
}

function request<T>(method: string, path: string): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    http
      .request({ socketPath, method, path }, (response) => {
        let text = '';
        if (response.statusCode === 404) {
          response.resume().on('end', () => {
            resolve(undefined);
          });
          return;
        }
        response
          .setEncoding('utf8')
          .on('data', (chunk: string) => {
            text += chunk;
          })
          .on('end', () => {
            if ((response.statusCode ?? 500) >= 300) {
              reject(new Error(`${path}: ${text}`));
            } else {
              resolve(text === '' ? undefined : (JSON.parse(text) as T));
            }
          });
      })
      .once('error', reject)
      .end();
  });
}
