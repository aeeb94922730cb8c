import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { endpointCandidates } from '../../src/engine/endpoint';
import type { HostEnvironment, ReadFile } from '../../src/engine/host-environment';
import { isSandboxError, type SandboxError } from '../../src/protocol/errors';

type Files = Readonly<Record<string, string | Error>>;

const linux: HostEnvironment = { platform: 'linux', env: {}, home: '/home/ada', uid: 1000 };
const mac: HostEnvironment = { platform: 'darwin', env: { TMPDIR: '/var/folders/x/T/' }, home: '/Users/ada', uid: 501 };
const windows: HostEnvironment = { platform: 'win32', env: {}, home: 'C:\\Users\\ada', uid: undefined };

/** A disk that has only these files. */
const disk =
  (files: Files): ReadFile =>
  (path) => {
    const file = files[path];
    return file instanceof Error ? Promise.reject(file) : Promise.resolve(file);
  };
const withEnv = (env: HostEnvironment['env'], machine = linux): HostEnvironment => ({
  ...machine,
  env: { ...machine.env, ...env },
});
const labels = async (machine: HostEnvironment, files: Files = {}): Promise<string[]> =>
  (await endpointCandidates(machine, disk(files))).map(({ label }) => label);
const one = async (machine: HostEnvironment, files: Files = {}): Promise<string> => {
  const found = await labels(machine, files);
  assert.equal(found.length, 1, found.join(' '));
  return found[0] ?? '';
};
async function refusal(machine: HostEnvironment, files: Files = {}): Promise<SandboxError['params']> {
  try {
    await endpointCandidates(machine, disk(files));
  } catch (error) {
    assert.ok(isSandboxError(error, 'EngineNotFound'), String(error));
    assert.doesNotMatch(JSON.stringify(error.params), /secret/);
    return error.params;
  }
  throw new Error('it was accepted');
}

/** Docker's files for a context, as in docker/cli cli/context/store. */
const digest = (name: string): string => createHash('sha256').update(name).digest('hex');
const metaFile = (name: string, root = '/home/ada/.docker'): string =>
  `${root}/contexts/meta/${digest(name)}/meta.json`;
const meta = (name: string, host: string, more: object = {}): string =>
  JSON.stringify({ Name: name, Metadata: {}, Endpoints: { docker: { Host: host, SkipTLSVerify: false, ...more } } });
const current = (name: string): Files => ({
  '/home/ada/.docker/config.json': JSON.stringify({ auths: {}, currentContext: name }),
});

describe('the places where the extension looks for an engine', () => {
  /** The places, each with the documentation of its product as its source. */
  const places: readonly [what: string, machine: HostEnvironment, label: string][] = [
    // docker/cli opts/hosts.go
    ['Docker', linux, 'unix:///var/run/docker.sock'],
    ['Docker', mac, 'unix:///var/run/docker.sock'],
    ['Docker', windows, 'npipe://./pipe/docker_engine'],
    // docs.docker.com/engine/security/rootless/tips: $XDG_RUNTIME_DIR, typically /run/user/$UID; ~/.docker/run, for
    // example, if that does not exist
    ['rootless Docker', linux, 'unix:///run/user/1000/docker.sock'],
    ['rootless Docker', withEnv({ XDG_RUNTIME_DIR: '/custom' }), 'unix:///custom/docker.sock'],
    ['rootless Docker without a runtime folder', linux, 'unix:///home/ada/.docker/run/docker.sock'],
    // its context desktop-linux, as in github.com/testcontainers/testcontainers-java/issues/6426
    ['Docker Desktop', linux, 'unix:///home/ada/.docker/desktop/docker.sock'],
    // as listed in github.com/apocas/docker-modem/issues/164
    ['Docker Desktop', mac, 'unix:///Users/ada/.docker/run/docker.sock'],
    // its context desktop-linux, as in github.com/docker/for-win/issues/15047
    ['Docker Desktop', windows, 'npipe://./pipe/dockerDesktopLinuxEngine'],
    // abiosoft/colima docs/FAQ.md, "Docker socket location" and "Specifying the config location"
    ['Colima', mac, 'unix:///Users/ada/.colima/default/docker.sock'],
    ['Colima', linux, 'unix:///home/ada/.colima/default/docker.sock'],
    ['Colima', withEnv({ COLIMA_HOME: '/colima' }, mac), 'unix:///colima/default/docker.sock'],
    ['Colima', mac, 'unix:///Users/ada/.config/colima/default/docker.sock'],
    ['Colima', withEnv({ XDG_CONFIG_HOME: '/cfg' }), 'unix:///cfg/colima/default/docker.sock'],
    // github.com/orbstack/orbstack/issues/1155
    ['OrbStack', mac, 'unix:///Users/ada/.orbstack/run/docker.sock'],
    // docs.rancherdesktop.io/how-to-guides/using-testcontainers; on Windows it is Docker's own pipe
    ['Rancher Desktop', mac, 'unix:///Users/ada/.rd/docker.sock'],
    ['Rancher Desktop', linux, 'unix:///home/ada/.rd/docker.sock'],
    // containers/podman contrib/systemd/README.md
    ['Podman', linux, 'unix:///run/podman/podman.sock'],
    ['rootless Podman', linux, 'unix:///run/user/1000/podman/podman.sock'],
    // containers/podman pkg/machine/shim/networking_unix.go and pkg/machine/vmconfigs/sockets*.go, v4.3 pkg/machine/qemu/machine.go
    ['Podman machine', mac, 'unix:///Users/ada/.local/share/containers/podman/machine/podman.sock'],
    ['Podman 4 machine', mac, 'unix:///Users/ada/.local/share/containers/podman/machine/qemu/podman.sock'],
    ['Podman 5 machine', mac, 'unix:///var/folders/x/T/podman/podman-machine-default-api.sock'],
    ['Podman 5 machine', linux, 'unix:///run/user/1000/podman/podman-machine-default-api.sock'],
    // containers/podman docs/tutorials/podman-for-windows.md
    ['Podman machine', windows, 'npipe://./pipe/podman-machine-default'],
  ];
  for (const [what, machine, label] of places) {
    it(`${what} on ${machine.platform}: ${label}`, async () => {
      assert.ok((await labels(machine)).includes(label), (await labels(machine)).join('\n'));
    });
  }

  it("begin with the place of Docker's own CLI, and have no duplicates", async () => {
    for (const machine of [linux, mac, windows]) {
      const found = await labels(machine);
      assert.equal(found[0], machine === windows ? 'npipe://./pipe/docker_engine' : 'unix:///var/run/docker.sock');
      assert.equal(new Set(found).size, found.length);
    }
  });

  it('are only DOCKER_HOST if it is set, whatever the context', async () => {
    const files = { ...current('build'), [metaFile('build')]: meta('build', 'unix:///build.sock') };
    const at = (host: string): Promise<string> => one(withEnv({ DOCKER_HOST: host, DOCKER_CONTEXT: 'build' }), files);
    assert.equal(await at('unix:///tmp/x.sock'), 'unix:///tmp/x.sock');
    assert.equal(await at('/tmp/x.sock'), 'unix:///tmp/x.sock');
    assert.equal(await at('tcp://build:2375'), 'tcp://build:2375');
    assert.equal(await at('npipe:////./pipe/docker_engine'), 'npipe://./pipe/docker_engine');
    assert.deepEqual(await endpointCandidates(withEnv({ DOCKER_HOST: '127.0.0.1:1234' }), disk({})), [
      { host: '127.0.0.1', port: 1234, label: 'tcp://127.0.0.1:1234', named: { by: 'DOCKER_HOST' } },
    ]);
    assert.deepEqual(await endpointCandidates(withEnv({ DOCKER_HOST: 'tcp://[::1]:2375' }), disk({})), [
      { host: '::1', port: 2375, label: 'tcp://[::1]:2375', named: { by: 'DOCKER_HOST' } },
    ]);
    assert.ok((await labels(withEnv({ DOCKER_HOST: '' }))).length > 1);
  });

  for (const [host, env, reason] of [
    ['ssh://ada:secret@build', {}, 'ssh'],
    ['tcp://ada:secret@build:2376', {}, 'tls'],
    ['https://build', {}, 'tls'],
    ['tcp://build:2375', { DOCKER_TLS_VERIFY: '1' }, 'tls'],
    ['tcp://build:2375', { DOCKER_TLS: '1' }, 'tls'],
    ['ftp://build', {}, 'malformed'],
    ['tcp://', {}, 'malformed'],
    ['http://ada:secret@:x', {}, 'malformed'],
  ] as const) {
    it(`are none for a DOCKER_HOST of ${host.replace('ada:secret@', '')} with ${JSON.stringify(env)}, and the reason (${reason}) has no credentials`, async () => {
      const params = await refusal(withEnv({ ...env, DOCKER_HOST: host }));
      assert.deepEqual([params['reason'], params['by']], [reason, 'DOCKER_HOST']);
    });
  }
});

describe('the current Docker context', () => {
  const files: Files = {
    ...current('colima'),
    [metaFile('colima')]: meta('colima', 'unix:///home/ada/.colima/work/docker.sock'),
    [metaFile('other')]: meta('other', 'unix:///other.sock'),
    '/elsewhere/config.json': '{"currentContext":"moved"}',
    [metaFile('moved', '/elsewhere')]: meta('moved', 'tcp://127.0.0.1:2375'),
  };

  it('is the only place where the extension looks for an engine', async () => {
    assert.deepEqual(await endpointCandidates(linux, disk(files)), [
      {
        socketPath: '/home/ada/.colima/work/docker.sock',
        label: 'unix:///home/ada/.colima/work/docker.sock',
        named: { by: 'currentContext', context: 'colima' },
      },
    ]);
    const pipe = {
      'C:\\Users\\ada\\.docker\\config.json': '{"currentContext":"desktop-linux"}',
      [`C:\\Users\\ada\\.docker\\contexts\\meta\\${digest('desktop-linux')}\\meta.json`]: meta(
        'desktop-linux',
        'npipe:////./pipe/dockerDesktopLinuxEngine',
      ),
    };
    assert.equal(await one(windows, pipe), 'npipe://./pipe/dockerDesktopLinuxEngine');
  });

  it('is named by DOCKER_CONTEXT before the configuration, whose folder DOCKER_CONFIG may change', async () => {
    assert.equal(await one(withEnv({ DOCKER_CONTEXT: 'other' }), files), 'unix:///other.sock');
    assert.equal(await one(withEnv({ DOCKER_CONFIG: '/elsewhere' }), files), 'tcp://127.0.0.1:2375');
  });

  it('is undefined if there is no configuration, if it names none or "default", or if only another user may read it', async () => {
    const denied = Object.assign(new Error('permission denied'), { code: 'EACCES' });
    for (const config of ['', '{}', '{"currentContext":""}', '{"currentContext":"default"}', denied]) {
      assert.ok((await labels(linux, { '/home/ada/.docker/config.json': config })).length > 1);
    }
    assert.ok((await labels(withEnv({ DOCKER_CONTEXT: 'default' }), files)).length > 1);
  });

  it("has Docker's own address if it names none", async () => {
    assert.equal(
      await one(linux, { ...current('empty'), [metaFile('empty')]: meta('empty', '') }),
      'unix:///var/run/docker.sock',
    );
  });

  const tls = (file: string): Files => ({
    [`/home/ada/.docker/contexts/tls/${digest('build')}/docker/${file}`]: 'secret',
  });
  const refused: readonly [what: string, files: Files, reason: string][] = [
    ['is not there', {}, 'contextMissing'],
    ['is no JSON', { [metaFile('build')]: '{"Name":' }, 'contextBroken'],
    ['has no Docker endpoint', { [metaFile('build')]: '{"Name":"build","Endpoints":{}}' }, 'contextBroken'],
    ['has an address that is no text', { [metaFile('build')]: '{"Endpoints":{"docker":{"Host":7}}}' }, 'contextBroken'],
    ['cannot be read', { [metaFile('build')]: Object.assign(new Error('no'), { code: 'EISDIR' }) }, 'contextBroken'],
    ['is reached over SSH', { [metaFile('build')]: meta('build', 'ssh://ada:secret@build') }, 'ssh'],
    ['has certificates', { [metaFile('build')]: meta('build', 'tcp://build:2375'), ...tls('ca.pem') }, 'tls'],
    ['has a key pair', { [metaFile('build')]: meta('build', 'tcp://build:2375'), ...tls('cert.pem') }, 'tls'],
    [
      'asks for TLS unchecked',
      { [metaFile('build')]: meta('build', 'tcp://build:2375', { SkipTLSVerify: true }) },
      'tls',
    ],
    ['has a strange address', { [metaFile('build')]: meta('build', 'fd://3') }, 'malformed'],
  ];
  for (const [what, context, reason] of refused) {
    it(`is refused by name if it ${what} (${reason})`, async () => {
      const params = await refusal(linux, { ...current('build'), ...context });
      assert.deepEqual([params['reason'], params['by'], params['context']], [reason, 'currentContext', 'build']);
      assert.equal((await refusal(withEnv({ DOCKER_CONTEXT: 'build' }), context))['by'], 'DOCKER_CONTEXT');
    });
  }

  it('is not guessed if the configuration is invalid', async () => {
    for (const config of ['{', '{"currentContext":7}', new Error('it is no file')]) {
      const params = await refusal(linux, { '/home/ada/.docker/config.json': config });
      assert.deepEqual([params['reason'], params['tried']], ['configBroken', '/home/ada/.docker/config.json']);
    }
  });

  it("cannot lead to a file outside of Docker's folder", async () => {
    assert.match(
      String((await refusal(linux, current('../../../etc/passwd')))['tried']),
      /^\/home\/ada\/\.docker\/contexts\/meta\/[0-9a-f]{64}\/meta\.json$/,
    );
  });
});
