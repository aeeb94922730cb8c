import assert from 'node:assert/strict';
import { engineId, engineName } from '../../src/engine/identity';

const DOCKER = { ID: 'HNVE:364T', DockerRootDir: '/var/lib/docker', Name: 'host' };
const PODMAN = { ID: '6627e535', DockerRootDir: '/var/lib/containers/storage', Name: 'host' };

describe('the identity of an engine', () => {
  it('is the same for a Docker behind any socket and with any host name', () => {
    assert.equal(
      engineId('docker', 'unix:///a', DOCKER),
      engineId('docker', 'tcp://b:2375', { ...DOCKER, Name: 'renamed' }),
    );
  });

  it('differs with another id, or with another folder of the same id', () => {
    const ids = [DOCKER, { ...DOCKER, ID: 'OTHER' }, { ...DOCKER, DockerRootDir: '/second' }].map((marks) =>
      engineId('docker', 'unix:///a', marks),
    );
    assert.equal(new Set(ids).size, 3);
  });

  it('is the same for a Podman although its id changes each time', () => {
    assert.equal(
      engineId('podman', 'unix:///p', PODMAN),
      engineId('podman', 'unix:///p', { ...PODMAN, ID: '00000000' }),
    );
  });

  it('differs for a Podman at another socket, in another folder or on another host', () => {
    const ids = [
      engineId('podman', 'unix:///p', PODMAN),
      engineId('podman', 'unix:///q', PODMAN),
      engineId('podman', 'unix:///p', { ...PODMAN, DockerRootDir: '/home' }),
      engineId('podman', 'unix:///p', { ...PODMAN, Name: 'other' }),
    ];
    assert.equal(new Set(ids).size, 4);
  });

  it('is displayed as product, version, context and address', () => {
    assert.equal(
      engineName({ product: 'docker', version: '28.5', endpoint: 'unix:///x', context: 'colima' }),
      'Docker 28.5 (context colima, unix:///x)',
    );
    assert.equal(
      engineName({ product: 'podman', version: '5.4', endpoint: 'unix:///y', context: '' }),
      'Podman 5.4 (unix:///y)',
    );
  });
});
