import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connectEngine, connectToFirst, type ConnectOptions } from '../../src/engine/connect';
import { isSandboxError, type FailureCode, type SandboxError } from '../../src/protocol/errors';

describe('connecting to an engine', () => {
  let folder: string;
  let socketPath: string;
  const servers: Server[] = [];
  const sockets = new Set<Socket>();

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'engine-'));
    await chmod(folder, 0o755);
    socketPath = join(folder, 'engine.sock');
  });
  afterEach(async () => {
    for (const socket of sockets) {
      socket.destroy();
    }
    sockets.clear();
    for (const server of servers.splice(0)) {
      server.close();
    }
    await rm(folder, { recursive: true });
  });

  async function listen(server: Server): Promise<void> {
    servers.push(server);
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
    });
    await once(server.listen(socketPath), 'listening');
  }
  const answering = (listener: RequestListener): Promise<void> => listen(createHttpServer(listener));
  const options = (env: ConnectOptions['env'] = { DOCKER_HOST: `unix://${socketPath}` }): ConnectOptions => ({
    platform: 'linux',
    env,
    home: folder,
    uid: undefined,
  });

  async function failure(given: ConnectOptions, code: FailureCode): Promise<SandboxError> {
    try {
      (await connectEngine(given)).dispose();
    } catch (error) {
      assert.ok(isSandboxError(error, code), String(error));
      return error;
    }
    throw new Error('it connected');
  }
  const json =
    (body: object): RequestListener =>
    (_request, response) => {
      response.setHeader('Content-Type', 'application/json').end(JSON.stringify(body));
    };

  it('reports that there is no engine if the socket is missing', async () => {
    assert.deepEqual((await failure(options(), 'EngineNotFound')).params, {
      tried: `unix://${socketPath}`,
      by: 'DOCKER_HOST',
      reason: 'ENOENT',
    });
  });

  it('reports that there is no engine if the socket is left over', async () => {
    const child = spawn(process.execPath, [
      '-e',
      `require('net').createServer().listen(${JSON.stringify(socketPath)}, () => process.kill(process.pid, 'SIGKILL'))`,
    ]);
    await once(child, 'exit');
    assert.equal((await failure(options(), 'EngineNotFound')).params['reason'], 'ECONNREFUSED');
  });

  it('reports that a file in place of the socket is not an engine', async () => {
    await writeFile(socketPath, '');
    await failure(options(), 'EngineNotFound');
  });

  it('abandons an engine that accepts a connection and does not answer within five seconds, and drops the connection', async () => {
    let closed = false;
    const server = createServer((socket) => {
      socket.resume().on('close', () => {
        closed = true;
      });
    });
    await listen(server);
    const started = performance.now();
    const { params } = await failure(options(), 'EngineSilent');
    assert.deepEqual(params, { endpoint: `unix://${socketPath}`, request: 'version', timeout: 5 });
    assert.ok(performance.now() - started < 7_000);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.ok(closed);
  }).timeout(10_000);

  it('abandons an engine that stops in the middle of its answer', async () => {
    await answering((_request, response) => {
      response.writeHead(200, { 'Content-Length': '1000' }).write('{"ApiVersion":');
    });
    await failure(options(), 'EngineSilent');
  }).timeout(10_000);

  it('can be cancelled', async () => {
    await listen(createServer(() => undefined));
    const cancel = new AbortController();
    setTimeout(() => cancel.abort(), 50);
    await failure({ ...options(), signal: cancel.signal }, 'Cancelled');
  });

  for (const [apiVersion, outcome] of [
    ['1.39', 'EngineTooOld'],
    ['1.9', 'EngineTooOld'],
    ['x', 'EngineTooOld'],
    ['1.40', 'docker'],
    ['2.0', 'docker'],
  ] as const) {
    it(`takes API version ${apiVersion} as ${outcome}`, async () => {
      await answering(json({ ApiVersion: apiVersion, Version: '18.06', Platform: { Name: 'Docker Engine' } }));
      if (outcome === 'docker') {
        const engine = await connectEngine(options());
        assert.deepEqual([engine.info.product, engine.info.endpoint], ['docker', `unix://${socketPath}`]);
        engine.dispose();
      } else {
        assert.deepEqual((await failure(options(), outcome)).params, {
          endpoint: `unix://${socketPath}`,
          version: '18.06',
          apiVersion,
          required: '1.40',
        });
      }
    });
  }

  for (const [said, seccomp] of [
    [undefined, false],
    [null, false],
    [[], false],
    [['name=apparmor'], false],
    [['name=seccomp,profile=unconfined'], false],
    [['name=seccomp,profile=default'], true],
  ] as const) {
    it(`takes the security options ${JSON.stringify(said)} for ${seccomp ? 'a' : 'no'} seccomp profile`, async () => {
      await answering(json({ ApiVersion: '1.41', Version: '20.10', SecurityOptions: said }));
      const engine = await connectEngine(options());
      assert.equal(engine.info.seccomp, seccomp);
      engine.dispose();
    });
  }

  it('passes on an error of the engine', async () => {
    await answering((_request, response) => {
      response.writeHead(500).end('{"message":"out of file descriptors"}');
    });
    const { params } = await failure(options(), 'EngineFailed');
    assert.deepEqual([params['status'], params['reason']], [500, 'out of file descriptors']);
  });

  it('recognises a web server that is not an engine', async () => {
    await answering((_request, response) => {
      response.end('<html>hello</html>');
    });
    await failure(options(), 'EngineFailed');
  });

  it('tries the next socket, whatever the first one does', async () => {
    await answering(json({ ApiVersion: '1.41', Version: '20.10' }));
    const missing = { socketPath: join(folder, 'missing.sock'), label: 'missing' };
    const engine = await connectToFirst([missing, { socketPath, label: 'there' }]);
    assert.equal(engine.info.endpoint, 'there');
    engine.dispose();
  });

  it('names all sockets that were tried, and reports the most informative of several failures', async () => {
    const missing = ['a', 'b'].map((name) => ({ socketPath: join(folder, name), label: name }));
    await assert.rejects(
      connectToFirst(missing),
      (error) => isSandboxError(error, 'EngineNotFound') && error.params['tried'] === 'a, b',
    );
    await answering(json({ ApiVersion: '1.2', Version: '1' }));
    await assert.rejects(connectToFirst([...missing, { socketPath, label: 'old' }]), (error) =>
      isSandboxError(error, 'EngineTooOld'),
    );
  });

  it('reports that the user may not use the engine, and not that there is none', async () => {
    await answering(json({}));
    await chmod(socketPath, 0o600);
    const script = `
      const { connectEngine } = require(${JSON.stringify(require.resolve('../../src/engine/connect'))});
      connectEngine({ platform: 'linux', env: { DOCKER_HOST: ${JSON.stringify(`unix://${socketPath}`)} }, home: '/', uid: 65534 }).then(() => 'connected', (error) => error.code + ' ' + error.params.endpoint).then(console.log);
    `;
    // root may use any socket
    const child = spawn(process.execPath, ['-e', script], process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {});
    if (process.getuid?.() !== 0) {
      await chmod(socketPath, 0o000);
    }
    assert.equal((await text(child.stdout)).trim(), `EngineDenied unix://${socketPath}`);
  });
});
