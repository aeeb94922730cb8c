import http from 'node:http';

const socketPath = (process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock').replace('unix://', '');

interface Container { Id: string; Labels: Record<string, string>; Mounts: { Type: string; Name?: string }[] }

/** Ends the sandboxes, with their volumes, of the notebooks in this folder: a closed window leaves them to their lease, a test must not. */
export async function removeSandboxesOf(folder: string): Promise<void> {
  const filters = encodeURIComponent(JSON.stringify({ label: ['sandboxed-ipython.notebook'] }));
  const containers = await request<Container[]>('GET', `/containers/json?filters=${filters}`) ?? [];
  await Promise.all(containers.filter(({ Labels }) => Labels['sandboxed-ipython.notebook']?.includes(folder)).map(async ({ Id, Mounts }) => {
    await remove(`/containers/${Id}?force=true`);
    await Promise.all(Mounts.filter(({ Type }) => Type === 'volume').map(({ Name = '' }) => remove(`/volumes/${Name}`)));
  }));
}

/** Another may be faster. */
const remove = (path: string): Promise<unknown> => request('DELETE', path).catch(() => undefined);

function request<T>(method: string, path: string): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    http.request({ socketPath, method, path }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => { text += chunk; }).on('end', () => {
        if ((response.statusCode ?? 500) >= 300) { reject(new Error(`${path}: ${text}`)); } else { resolve(text === '' ? undefined : JSON.parse(text) as T); }
      });
    }).once('error', reject).end();
  });
}
