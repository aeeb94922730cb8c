import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';

const ROOT = path.resolve(__dirname, '../../..');

/** The engine that `npm start` and `npm test` use, or the message and the command if there is none. */
describe('npm start', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'e-'));
  }); // a short path, because the folder contains sockets
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  /** Makes a Docker context the current one. */
  function useContext(name: string, host: string): void {
    const docker = path.join(folder, '.docker');
    const meta = path.join(docker, 'contexts/meta', createHash('sha256').update(name).digest('hex'));
    mkdirSync(meta, { recursive: true });
    writeFileSync(path.join(docker, 'config.json'), JSON.stringify({ currentContext: name }));
    writeFileSync(path.join(meta, 'meta.json'), JSON.stringify({ Name: name, Endpoints: { docker: { Host: host } } }));
  }

  /** Runs `ensureEngine` as a user who is not root, with this home; Docker's own socket of this machine is hidden. */
  async function ensureEngine(
    env: Record<string, string> = {},
  ): Promise<{ said: string; host: string; command: string }> {
    const hide = `[ ! -e /run/docker.sock ] || mount --bind ${path.join(folder, 'nothing')} /run/docker.sock`;
    writeFileSync(path.join(folder, 'nothing'), '');
    const script =
      'const { ensureEngine, engineHost } = await import("./scripts/lib/engine.mjs");\n' +
      'try { await ensureEngine(); console.log(JSON.stringify({ host: engineHost() })); } catch (error) { console.log(JSON.stringify({ said: error.message, command: error.nextStep })); }\nprocess.exit()';
    const child = spawn(
      'unshare',
      [
        '--mount',
        'sh',
        '-c',
        `${hide}; exec "$@"`,
        'sh',
        'unshare',
        '--user',
        '--map-user=1000',
        process.execPath,
        '--input-type=module',
        '-e',
        script,
      ],
      {
        cwd: ROOT,
        env: { PATH: process.env['PATH'] ?? '', HOME: folder, XDG_RUNTIME_DIR: folder, ...env },
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
    await once(child, 'close');
    return { said: '', host: '', command: '', ...(JSON.parse(printed) as object) };
  }

  async function engineAt<T>(socket: string, work: () => Promise<T>): Promise<T> {
    mkdirSync(path.dirname(socket), { recursive: true });
    const server = http.createServer((_request, response) => response.end('OK'));
    await new Promise<void>((resolve) => {
      server.listen(socket, resolve);
    });
    try {
      return await work();
    } finally {
      server.close();
    }
  }

  before(function () {
    if (process.getuid?.() !== 0 || process.platform !== 'linux') {
      this.skip();
    } // only root can hide what is there
  });

  for (const place of ['.colima/default/docker.sock', 'podman/podman.sock']) {
    it(`finds an engine at ${place} of the user`, async () => {
      const socket = path.join(folder, place);
      assert.deepEqual(await engineAt(socket, () => ensureEngine()), {
        said: '',
        command: '',
        host: `unix://${socket}`,
      });
    });
  }

  it('finds an engine in the current Docker context, and starts no other beside it', async () => {
    const socket = path.join(folder, 'own.sock');
    useContext('colima', `unix://${socket}`);
    assert.equal((await engineAt(socket, () => ensureEngine())).host, `unix://${socket}`);
    const { said, command } = await ensureEngine();
    assert.match(
      said,
      /^No container engine answers at unix:.*own\.sock, which the current Docker context "colima" names\.$/,
    );
    assert.equal(command, 'colima start');
  });

  it('reports what cannot be used: a context over SSH, an invalid address', async () => {
    useContext('far', 'ssh://ada@far');
    assert.deepEqual(await ensureEngine(), {
      host: '',
      said: 'The current Docker context names no engine that can be used: ssh://far (ssh).',
      command: 'docker context use default',
    });
    assert.equal((await ensureEngine({ DOCKER_HOST: 'ssh://ada@far' })).command, 'unset DOCKER_HOST');
    assert.equal((await ensureEngine({ DOCKER_HOST: `unix://${folder}/none.sock` })).command, 'unset DOCKER_HOST');
  });
});

describe('npm start, without an engine, prints the command of this system', () => {
  const LABEL = 'unix:///nowhere/docker.sock';
  const usual = [{ label: LABEL }, { label: 'unix:///nowhere/else.sock' }];
  const asContext = (context: string, by = 'currentContext') => [{ label: LABEL, named: { by, context } }];
  const cases: [why: string, commands: string[], tried: object[], command: string][] = [
    ['Colima is installed', ['colima', 'brew'], usual, 'colima start'],
    ['OrbStack is installed', ['orb', 'brew'], usual, 'orb start'],
    ['Docker is installed and off', ['systemctl', 'dockerd', 'apt-get'], usual, 'sudo systemctl start docker'],
    [
      'Podman is installed and its socket off',
      ['systemctl', 'podman', 'dnf'],
      usual,
      'systemctl --user enable --now podman.socket',
    ],
    ['there is nothing, on Debian', ['apt-get', 'systemctl'], usual, 'sudo apt-get install -y docker.io'],
    [
      'there is nothing, on Fedora',
      ['dnf', 'systemctl'],
      usual,
      'sudo dnf install -y podman-docker && systemctl --user enable --now podman.socket',
    ],
    ['there is nothing, on Arch', ['pacman'], usual, 'sudo pacman -S docker && sudo systemctl start docker'],
    ['there is nothing, on macOS', ['brew'], usual, 'brew install colima docker && colima start'],
    ['there is nothing, on Windows', ['winget'], usual, 'winget install Docker.DockerDesktop'],
    ['the system is none that it knows', [], usual, 'Install Docker or Podman and start it.'],
    ["OrbStack's context is the current one", ['brew'], asContext('orbstack'), 'orb start'],
    ["a profile of Colima's is", ['brew'], asContext('colima-work'), 'colima start work'],
    ['another context is', ['brew'], asContext('build'), 'docker context use default'],
    ['DOCKER_CONTEXT names it', ['brew'], asContext('build', 'DOCKER_CONTEXT'), 'unset DOCKER_CONTEXT'],
    ['DOCKER_HOST names it', ['brew'], [{ label: LABEL, named: { by: 'DOCKER_HOST' } }], 'unset DOCKER_HOST'],
  ];
  const folder = mkdtempSync(path.join(os.tmpdir(), 'commands-'));
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it(cases.map(([why]) => why).join('; '), function () {
    this.timeout(30_000);
    if (process.getuid?.() !== 0 || process.platform !== 'linux') {
      this.skip();
    } // what this machine has in /usr/sbin is hidden
    const empty = path.join(folder, 'empty');
    mkdirSync(empty);
    for (const [i, [, commands]] of cases.entries()) {
      mkdirSync(path.join(folder, String(i)));
      for (const command of commands) {
        writeFileSync(path.join(folder, String(i), command), '', { mode: 0o755 });
      }
    }
    // Each case needs its own Node process, because the places of commands are read only once.
    const script =
      'const { missingEngine } = await import("./scripts/lib/missing-engine.mjs"); console.log(missingEngine(JSON.parse(process.argv[1])).nextStep)';
    const lines = cases.map(
      ([, , tried], i) =>
        `PATH=${path.join(folder, String(i))} ${process.execPath} --input-type=module -e '${script}' '${JSON.stringify(tried)}'`,
    );
    const { stdout } = spawnSync(
      'unshare',
      ['--mount', 'sh', '-c', `mount --bind ${empty} /usr/sbin; ${lines.join('\n')}`],
      { cwd: ROOT, encoding: 'utf8' },
    );
    assert.deepEqual(
      stdout.trimEnd().split('\n'),
      cases.map(([, , , command]) => command),
    );
  });
});
