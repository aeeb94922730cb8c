import assert from 'node:assert/strict';
import { endpointCandidates, type Machine } from '../../src/engine/endpoint';
import { isSandboxError } from '../../src/protocol/errors';

const linux: Machine = { platform: 'linux', env: {}, home: '/home/ada', uid: 1000 };
const labels = (machine: Machine): string[] => endpointCandidates(machine).map(({ label }) => label);
const withHost = (host: string, env: Machine['env'] = {}): Machine => ({ ...linux, env: { ...env, DOCKER_HOST: host } });

describe('where an engine is looked for', () => {
  it('tries the system-wide socket before those of the user', () => {
    const tried = labels(linux);
    assert.equal(tried[0], 'unix:///var/run/docker.sock');
    for (const socket of [
      '/run/user/1000/docker.sock', '/home/ada/.docker/desktop/docker.sock', '/home/ada/.colima/default/docker.sock',
      '/home/ada/.rd/docker.sock', '/run/user/1000/podman/podman.sock', '/run/podman/podman.sock',
    ]) assert.ok(tried.includes(`unix://${socket}`), socket);
  });

  it('takes the runtime folder from the environment', () => {
    assert.ok(labels({ ...linux, env: { XDG_RUNTIME_DIR: '/custom' } }).includes('unix:///custom/docker.sock'));
  });

  it('knows the sockets of macOS and the pipes of Windows', () => {
    assert.ok(labels({ platform: 'darwin', env: {}, home: '/Users/ada', uid: 501 }).includes('unix:///Users/ada/.orbstack/run/docker.sock'));
    assert.equal(labels({ platform: 'win32', env: {}, home: 'C:\\Users\\ada', uid: undefined })[0], 'npipe://./pipe/docker_engine');
  });

  it('tries nothing but DOCKER_HOST where it is set', () => {
    assert.deepEqual(endpointCandidates(withHost('unix:///tmp/x.sock')), [{ socketPath: '/tmp/x.sock', label: 'unix:///tmp/x.sock' }]);
    assert.deepEqual(endpointCandidates(withHost('tcp://build:2375')), [{ host: 'build', port: 2375, label: 'tcp://build:2375' }]);
    assert.deepEqual(endpointCandidates(withHost('127.0.0.1:1234')), [{ host: '127.0.0.1', port: 1234, label: 'tcp://127.0.0.1:1234' }]);
    assert.deepEqual(endpointCandidates(withHost('tcp://[::1]:2375')), [{ host: '::1', port: 2375, label: 'tcp://[::1]:2375' }]);
    assert.deepEqual(endpointCandidates(withHost('npipe:////./pipe/docker_engine')), [{ socketPath: '//./pipe/docker_engine', label: 'npipe://./pipe/docker_engine' }]);
    assert.equal(labels(withHost('')).length > 1, true);
  });

  for (const [host, env, reason] of [
    ['ssh://ada:secret@build', {}, 'ssh'], ['tcp://ada:secret@build:2376', {}, 'tls'], ['https://build', {}, 'tls'],
    ['tcp://build:2375', { DOCKER_TLS_VERIFY: '1' }, 'tls'], ['ftp://build', {}, 'malformed'], ['tcp://', {}, 'malformed'], ['http://ada:secret@:x', {}, 'malformed'],
  ] as const) {
    it(`says why ${host.replace('ada:secret@', '')} cannot be used (${reason}), without credentials`, () => {
      assert.throws(() => endpointCandidates(withHost(host, env)), (error) => {
        assert.ok(isSandboxError(error, 'EngineNotFound'));
        assert.equal(error.params['reason'], reason);
        assert.doesNotMatch(JSON.stringify(error.params), /secret/);
        return true;
      });
    });
  }
});
