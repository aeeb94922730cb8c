import assert from 'node:assert/strict';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { connect as dial, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Engine, LifeEvent } from '../../src/engine/engine';
import { silentProgress } from '../../src/engine/progress';
import { LIBRARIES_FOLDER, containerName } from '../../src/engine/specification';
import { isSandboxError } from '../../src/protocol/errors';
import {
  connect,
  containerExists,
  docker,
  imageRequest,
  newVolume,
  runnerWith,
  specification,
  until,
  usualImage,
} from './engineTools';
import { RequestProxy } from './support/requestProxy';

/** The engine behind a socket. The test can cut all connections of that socket. */
async function cuttingProxy(): Promise<{ proxy: Server; socketPath: string; cut(this: void): void }> {
  const target = new URL(process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock');
  const sockets = new Set<Socket>();
  const proxy = createServer((near) => {
    const far = target.protocol === 'unix:' ? dial(target.pathname) : dial(Number(target.port), target.hostname);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket
        .on('error', () => undefined)
        .on('close', () => {
          other.destroy();
          sockets.delete(socket);
        });
    }
    near.pipe(far);
    far.pipe(near);
  });
  const folder = await mkdtemp(join(tmpdir(), 'cut-'));
  const socketPath = join(folder, 'engine.sock');
  proxy.once('close', () => {
    rmSync(folder, { recursive: true, force: true });
  });
  await once(proxy.listen(socketPath), 'listening');
  return {
    proxy,
    socketPath,
    cut: () => {
      for (const socket of sockets) {
        socket.destroy();
      }
    },
  };
}

describe('an engine', () => {
  let engine: Engine;
  let image: string;
  const containers: string[] = [];

  before(async function () {
    this.timeout(180_000);
    engine = await connect();
    image = await usualImage(engine);
  });
  afterEach(async () => {
    for (const id of containers.splice(0)) {
      await engine.remove(id);
    }
  });
  after(() => engine.dispose());

  async function create(change: Parameters<typeof specification>[1] = {}): Promise<string> {
    const id = await engine.create(specification(image, change));
    containers.push(id);
    return id;
  }

  it('starts a sandbox whose relay connects a stream to the supervisor', async () => {
    const exec = await engine.openStream(await create());
    const { stream } = exec;
    const follow = { after: 0, boot: '', writer: true, host: 'h' };
    stream.write(
      `${JSON.stringify({ header: { msg_id: 'm', msg_type: 'follow_request' }, kernel: 'main', channel: 'control', content: follow, metadata: {}, buffers: [] })}\n`,
    );
    const [line] = (await once(createInterface({ input: stream }), 'line')) as [string];
    assert.equal((JSON.parse(line) as { msg_type: string }).msg_type, 'hello');
    exec.destroy();
    exec.destroy();
  });

  it('finds the relay of a sandbox that another window started', async () => {
    const id = await create();
    const other = await connect();
    const exec = await other.openStream(id);
    exec.stream.write('{}\n');
    await once(exec.stream, 'data');
    exec.destroy();
    other.dispose();
  });

  it('reports the state of a sandbox, and null if there is none', async () => {
    const id = await create();
    assert.deepEqual(await engine.inspect(id), { running: true, paused: false, exitCode: null });
    await docker.getContainer(id).pause();
    assert.deepEqual(await engine.inspect(id), { running: true, paused: true, exitCode: null });
    await docker.getContainer(id).unpause();
    await engine.remove(id);
    assert.equal(await engine.inspect(id), null);
    await engine.remove(id);
    await assert.rejects(engine.openStream(id), (error) => isSandboxError(error, 'SandboxGone'));
  });

  it('reports the uid of a sandbox that is still being created', async () => {
    const created = create({ uid: 20_778 });
    assert.ok((await engine.usedUids()).has(20_778));
    await created;
    assert.ok((await engine.usedUids()).has(20_778));
  });

  it('reports the uids of all sandboxes with one request', async () => {
    await create({ uid: 20_777 });
    const proxy = new RequestProxy(
      (process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock').replace('unix://', ''),
    );
    const behind = await connect({ DOCKER_HOST: await proxy.listen() });
    try {
      proxy.seen.clear();
      assert.ok((await behind.usedUids()).has(20_777));
      assert.deepEqual([...proxy.seen], ['GET /containers/json']);
    } finally {
      behind.dispose();
      await proxy.close();
    }
  });

  it('reports the end, the pause and the exit code of a sandbox to every listener', async () => {
    const seen: LifeEvent[] = [];
    const listener = engine.onLifeEvent((event) => seen.push(event));
    const failing = engine.onLifeEvent(() => {
      throw new Error('a listener fails');
    });
    const { sandboxId } = specification(image);
    const id = await create({ sandboxId });
    await docker.getContainer(id).pause();
    await docker.getContainer(id).unpause();
    await docker.getContainer(id).kill();
    const mine = (): string[] =>
      seen.filter((event) => event.sandboxId === sandboxId).map(({ action, exitCode }) => `${action} ${exitCode}`);
    await until('the events', () => mine().length === 3, 3_000);
    assert.deepEqual(mine(), ['pause null', 'unpause null', 'die 137']);
    listener.dispose();
    failing.dispose();
  });

  it('continues to report events after its event stream was cut, including those that happened meanwhile', async () => {
    const { proxy, socketPath, cut } = await cuttingProxy();
    const behind = await connect({ DOCKER_HOST: `unix://${socketPath}` });
    const ended: string[] = [];
    const wanted = [specification(image), specification(image), specification(image)];
    // Others who use this engine have sandboxes too.
    const isMine = (id: string): boolean => wanted.some(({ sandboxId }) => sandboxId === id);
    const listener = behind.onLifeEvent(({ sandboxId, action }) => {
      if (action === 'die' && isMine(sandboxId)) {
        ended.push(sandboxId);
      }
    });
    try {
      const [first = '', second = '', third = ''] = await Promise.all(
        wanted.map(({ sandboxId }) => create({ sandboxId })),
      );
      await engine.remove(first);
      await until('the first end', () => ended.length === 1);
      cut();
      await engine.remove(second);
      await until('the second end', () => ended.length === 2);
      cut();
      await engine.remove(third);
      await until('the third end', () => ended.length === 3);
      assert.deepEqual(
        ended,
        wanted.map(({ sandboxId }) => sandboxId),
      );
    } finally {
      listener.dispose();
      behind.dispose();
      cut();
      proxy.close();
    }
  });

  it('keeps the last output of a sandbox that could not start', async () => {
    const runner = await runnerWith({ 'main.py': 'raise SystemExit("the supervisor found no home")' });
    try {
      const broken = await engine.ensureImage(await imageRequest({ runnerFolder: runner.folder }), silentProgress);
      const id = await create({ image: broken });
      await until('its end', async () => (await engine.inspect(id)) === null);
      assert.match(await engine.logs(id), /the supervisor found no home/);
      await docker.getImage(broken).remove();
    } finally {
      await runner.remove();
    }
  }).timeout(60_000);

  it('reports why a sandbox cannot be created', async () => {
    const wanted = specification('sandboxed-ipython/kernel:absent');
    await assert.rejects(
      engine.create(wanted),
      (error) => isSandboxError(error, 'StartFailed') && /no such image/i.test(String(error.params['reason'])),
    );
    assert.equal(await containerExists(containerName(wanted.sandboxId)), false);
  });

  for (const wait of [0, 5, 20, 60, 120, 200]) {
    it(`leaves nothing of a sandbox whose creation is cancelled after ${wait} ms`, async () => {
      const cancel = new AbortController();
      const wanted = specification(image);
      const made = engine.create(wanted, cancel.signal).then(
        (id) => {
          containers.push(id);
        },
        (error: unknown) => {
          assert.ok(isSandboxError(error, 'Cancelled'), String(error));
          return 'cancelled';
        },
      );
      setTimeout(() => cancel.abort(), wait);
      if ((await made) === 'cancelled') {
        await new Promise((resolve) => setTimeout(resolve, 300));
        // An engine under load may still create a container after its request was dropped.
        await until(
          'the container to be gone',
          async () => !(await containerExists(containerName(wanted.sandboxId))),
          20_000,
        );
      }
    });
  }

  describe('that removes all sandboxes of an owner', () => {
    const [owner, another] = [`owner-${process.pid}`, `another-${process.pid}`];
    const labelsOf = (one: string) => ({ 'sandboxed-ipython.version': '1', 'sandboxed-ipython.owner': one });
    async function volumeOf(one: string): Promise<string> {
      const name = newVolume();
      await docker.createVolume({
        Name: name,
        Labels: { ...labelsOf(one), 'sandboxed-ipython.created': new Date().toISOString() },
      });
      return name;
    }
    /** Creates a sandbox that was never started, as a failure may leave it. */
    async function left(sandboxId: string, of: string): Promise<{ name: string; libraries: string }> {
      const [libraries, name, labels] = [await volumeOf(of), containerName(sandboxId), labelsOf(of)];
      await docker.createContainer({
        name,
        Image: image,
        Cmd: ['-c', 'pass'],
        Entrypoint: ['/bin/sh'],
        Labels: { ...labels, 'sandboxed-ipython.sandbox': sandboxId },
        HostConfig: { NetworkMode: 'none', Mounts: [{ Type: 'volume', Source: libraries, Target: LIBRARIES_FOLDER }] },
      });
      return { name, libraries };
    }
    const volumeExists = async (name: string): Promise<boolean> =>
      docker
        .getVolume(name)
        .inspect()
        .then(
          () => true,
          () => false,
        );

    it('removes running, paused, created and ended sandboxes with their libraries, and never those of another owner', async () => {
      const wanted = [0, 1].map(() => specification(image, { owner }));
      const [[, paused = ''], created, ended, other] = await Promise.all([
        Promise.all(wanted.map((one) => engine.create(one))),
        left(`created-${owner}`, owner),
        left(`ended-${owner}`, owner),
        left(`others-${owner}`, another),
      ]);
      const [kept, theirs] = [await volumeOf(owner), await volumeOf(another)];
      try {
        // An engine may fail to pause while processes start.
        await until('it is paused', () =>
          docker
            .getContainer(paused)
            .pause()
            .then(
              () => true,
              () => false,
            ),
        );
        await docker.getContainer(ended.name).start();
        await docker.getContainer(ended.name).wait();
        await engine.removeAll(owner);
        const mine = [
          ...wanted.map(({ sandboxId, libraries }) => ({ name: containerName(sandboxId), libraries })),
          created,
          ended,
        ];
        assert.deepEqual(
          await Promise.all(mine.map(({ name }) => containerExists(name))),
          mine.map(() => false),
        );
        assert.deepEqual(await Promise.all([kept, ...mine.map(({ libraries }) => libraries)].map(volumeExists)), [
          false,
          ...mine.map(() => false),
        ]);
        assert.deepEqual(
          [await containerExists(other.name), await volumeExists(other.libraries), await volumeExists(theirs)],
          [true, true, true],
        );
      } finally {
        await Promise.all([owner, another].map((one) => engine.removeAll(one)));
      }
    });
  }).timeout(30_000);

  it('creates sandboxes while others end', async () => {
    await Promise.all(
      [0, 1, 2].map(async () => {
        for (let i = 0; i < 3; i++) {
          await engine.remove(await create());
        }
      }),
    );
  }).timeout(60_000);
});
