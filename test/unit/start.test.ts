import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const ROOT = path.resolve(__dirname, '../../..');

/**
 * `npm start` when it may not or cannot install an engine. Mounts hide the engines of this machine from that process
 * alone.
 */
describe('npm start, without an engine', function () {
  this.timeout(30_000);
  const empty = path.join(mkdtempSync(path.join(os.tmpdir(), 'start-')), 'nothing');
  before(function () {
    if (process.getuid?.() !== 0 || process.platform !== 'linux') {
      this.skip();
    } // only root can hide what is there
    writeFileSync(empty, '');
  });
  after(() => rmSync(path.dirname(empty), { recursive: true, force: true }));

  function start({ hidden, as = [] }: { hidden: readonly string[]; as?: readonly string[] }): {
    status: number | null;
    said: string;
  } {
    const hide = ['/run/docker.sock', ...hidden]
      .map((file) => `{ [ ! -e ${file} ] || mount --bind ${empty} ${file}; }`)
      .join(' && ');
    const env = { ...process.env };
    delete env['DOCKER_HOST'];
    const { status, stderr, stdout } = spawnSync(
      'unshare',
      ['--mount', 'sh', '-c', `${hide} && exec "$@"`, 'sh', ...as, process.execPath, 'scripts/start.mjs', '--no-open'],
      { cwd: ROOT, env, encoding: 'utf8', timeout: 25_000 },
    );
    return { status, said: stderr + stdout };
  }
  const managers = ['apt-get', 'dnf', 'pacman', 'zypper', 'brew'].map((name) => `/usr/bin/${name}`);
  const commands = (said: string): string[] =>
    said
      .split('\n')
      .filter((line) => /^ {4}\S/.test(line))
      .map((line) => line.trim());

  it('installs nothing and prints the one command that is missing if the user is not root', () => {
    const engines = [
      '/usr/bin/dockerd',
      '/usr/sbin/dockerd',
      '/usr/bin/podman',
      '/usr/bin/systemctl',
      '/bin/systemctl',
    ];
    const { status, said } = start({ hidden: engines, as: ['unshare', '--user', '--map-user=1000'] });
    assert.deepEqual([status, commands(said)], [1, ['sudo apt-get install -y docker.io']], said);
    assert.match(
      said,
      /No container engine answers at unix:\/\/\/var\/run\/docker\.sock, nor at the other usual places, and one is needed: Docker or Podman\./,
    );
  });

  it('describes what is missing if it does not know the system', () => {
    const { status, said } = start({
      hidden: ['/usr/sbin/dockerd', '/usr/bin/dockerd', '/usr/bin/podman', ...managers],
    });
    assert.deepEqual([status, commands(said)], [1, ['Install Docker or Podman and start it.']], said);
  });
});
