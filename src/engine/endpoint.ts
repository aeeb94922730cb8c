import { posix } from 'node:path';
import { DEFAULT_PIPE, DEFAULT_SOCKET, parseAddress, pipe, unix, type Endpoint } from './address';
import { contextEndpoint } from './docker-context';
import type { HostEnvironment, ReadFile } from './host-environment';

/**
 * The endpoints to try, in order: the one in `DOCKER_HOST`, else that of the current Docker context, as in Docker's own CLI, else the
 * standard sockets of the usual engines. An engine that is named explicitly and does not answer is never replaced by another one.
 * @throws SandboxError `EngineNotFound` if the named endpoint cannot be used, see `parseAddress` and `contextEndpoint`
 */
export async function endpointCandidates(machine: HostEnvironment, read: ReadFile): Promise<Endpoint[]> {
  const { env } = machine;
  const host = env['DOCKER_HOST']?.trim();
  if (host) {
    return [parseAddress(host, { by: 'DOCKER_HOST' }, Boolean(env['DOCKER_TLS_VERIFY'] || env['DOCKER_TLS']))];
  }
  const named = await contextEndpoint(machine, read);
  return named ? [named] : standardEndpoints(machine);
}

/** The sources of these paths are in the table of test/unit/engineEndpoint.test.ts. */
function standardEndpoints({ platform, env, home, uid }: HostEnvironment): Endpoint[] {
  if (platform === 'win32') {
    return [DEFAULT_PIPE, '//./pipe/dockerDesktopLinuxEngine', '//./pipe/podman-machine-default'].map(pipe);
  }
  const at = (folder: string | undefined, ...names: string[]): string[] =>
    folder ? names.map((name) => posix.join(folder, name)) : [];
  const colima = [
    ...at(env['COLIMA_HOME'], 'default/docker.sock'),
    ...at(home, '.colima/default/docker.sock'),
    ...at(env['XDG_CONFIG_HOME'] || posix.join(home, '.config'), 'colima/default/docker.sock'),
  ];
  const rancher = at(home, '.rd/docker.sock');
  if (platform === 'darwin') {
    const podman = posix.join(env['XDG_DATA_HOME'] || posix.join(home, '.local/share'), 'containers/podman/machine');
    return [
      DEFAULT_SOCKET,
      ...at(home, '.docker/run/docker.sock', '.orbstack/run/docker.sock'),
      ...colima,
      ...rancher,
      ...at(podman, 'podman.sock', 'qemu/podman.sock'),
      ...at(env['TMPDIR'] || '/tmp', 'podman/podman-machine-default-api.sock'),
    ].map(unix);
  }
  const runtime = env['XDG_RUNTIME_DIR'] || (uid === undefined ? undefined : `/run/user/${uid}`);
  return [
    DEFAULT_SOCKET,
    ...at(runtime, 'docker.sock'),
    ...at(home, '.docker/desktop/docker.sock', '.docker/run/docker.sock'),
    ...colima,
    ...rancher,
    ...at(runtime, 'podman/podman.sock', 'podman/podman-machine-default-api.sock'),
    '/run/podman/podman.sock',
  ].map(unix);
}
