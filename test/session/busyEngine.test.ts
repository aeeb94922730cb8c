import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { connectEngine } from '../../src/engine/connect';
import { DEADLINES_MS, type WaitName } from '../../src/engine/deadlines';
import type { Engine } from '../../src/engine/engine';
import { containerName } from '../../src/engine/specification';
import { isSandboxError, type FailureCode } from '../../src/protocol/errors';
import { containerExists, docker, newVolume, specification, until, usualImage } from './engineTools';
import { RequestProxy } from './support/requestProxy';
import { connect, endSessions, startSession } from './support/sandboxes';

const ENGINE_SOCKET = (process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock').replace('unix://', '');
/** Milliseconds that replace the deadline of a request. */
const SHORT = 1_000;

describe('an engine that answers late', function () {
  this.timeout(120_000);
  let proxy: RequestProxy;
  let host: string;
  let engine: Engine;
  let image: string;
  const deadlines: Record<WaitName, number> = { ...DEADLINES_MS };
  const busy: boolean[] = [];

  before(async () => {
    const direct = await connect();
    image = await usualImage(direct);
    direct.dispose();
  });
  beforeEach(async () => {
    proxy = new RequestProxy(ENGINE_SOCKET);
    host = await proxy.listen();
    Object.assign(deadlines, DEADLINES_MS);
    engine = await connect(host, deadlines);
    busy.length = 0;
    engine.onBusy((isBusy) => busy.push(isBusy));
    proxy.answersPings = true;
  });
  afterEach(async () => {
    proxy.treat(undefined);
    await endSessions();
    engine.dispose();
    await proxy.close();
  });

  const fails = async (work: Promise<unknown>, code: FailureCode): Promise<Record<string, unknown>> => {
    const error: unknown = await work.then(
      () => undefined,
      (failure: unknown) => failure,
    );
    assert.ok(isSandboxError(error, code), String(error));
    return error.params;
  };
  /** Makes the proxy answer one kind of request late or never, with a short deadline for it. */
  const treat = (kind: string, wait: WaitName, answer: 'late' | 'never', delay = 0): void => {
    deadlines[wait] = SHORT;
    proxy.delay = delay;
    proxy.treat(kind, answer);
  };

  it('is waited for while it answers pings, and meanwhile counts as busy', async () => {
    treat('GET /containers/{id}/json', 'inspect container', 'late', 4 * SHORT);
    assert.equal(await engine.inspect('nobody'), null);
    assert.deepEqual(busy, [true, false]);
    assert.ok(proxy.pings > 0);
    assert.equal(engine.isBusy, false);
  });

  it('executes a request only once, however late the answer is', async () => {
    treat('POST /containers/create', 'create container', 'late', 3 * SHORT);
    const wanted = specification(image);
    const id = await engine.create(wanted);
    assert.equal(proxy.hits, 1);
    assert.equal(
      (await docker.listContainers({ all: true, filters: { name: [containerName(wanted.sandboxId)] } })).length,
      1,
    );
    await engine.remove(id);
  });

  it('gets one ping at a time, however many requests wait', async () => {
    treat('GET /containers/{id}/json', 'inspect container', 'late', 2 * SHORT);
    await Promise.all(Array.from({ length: 20 }, () => engine.inspect('nobody')));
    assert.ok(proxy.pings < 5, `${proxy.pings} pings`);
  });

  it('gets a read-only request once more, because it may have lost the first one', async () => {
    proxy.most = 1;
    treat('GET /containers/{id}/json', 'inspect container', 'never');
    assert.equal(await engine.inspect('nobody'), null);
    assert.deepEqual([proxy.hits, busy], [1, [true, false]]);
  });

  it('is given up as busy, not as silent, when it has been busy for too long', async () => {
    deadlines['busy engine'] = 2 * SHORT;
    treat('GET /containers/{id}/json', 'inspect container', 'never');
    const params = await fails(engine.inspect('nobody'), 'EngineBusy');
    assert.deepEqual([params['request'], params['timeout']], ['inspect container', 3]);
    assert.deepEqual(busy, [true, false]);
  });

  it('counts as silent after the usual deadline when it answers no ping', async () => {
    proxy.answersPings = false;
    treat('GET /containers/{id}/json', 'inspect container', 'never');
    const began = performance.now();
    const params = await fails(engine.inspect('nobody'), 'EngineSilent');
    assert.deepEqual([params['request'], params['timeout'], busy], ['inspect container', 1, []]);
    assert.ok(performance.now() - began > SHORT - 50);
  });

  it('is waited for while the connection is being set up', async () => {
    const told: boolean[] = [];
    treat('GET /info', 'info', 'late', 3 * SHORT);
    const late = await connectEngine({
      platform: process.platform,
      env: { DOCKER_HOST: host },
      home: '/',
      uid: undefined,
      deadlines,
      onBusy: (isBusy) => told.push(isBusy),
    });
    late.dispose();
    assert.deepEqual(told, [true, false]);
  });

  it('does not make the start of a sandbox fail, whose cell then runs', async () => {
    treat('POST /containers/{id}/exec relay', 'create exec', 'late', 4 * SHORT);
    const { session } = startSession(engine, image);
    const { reply } = session.execute('6 * 7');
    assert.equal((await reply).status, 'ok');
    assert.deepEqual(busy.slice(0, 2), [true, false]);
  });

  it('is no longer waited for when the request is cancelled', async () => {
    treat('POST /containers/create', 'create container', 'late', 60 * SHORT);
    const cancel = new AbortController();
    const wanted = specification(image);
    const made = engine.create(wanted, cancel.signal);
    await until('it is busy', () => engine.isBusy);
    cancel.abort();
    await fails(made, 'Cancelled');
    assert.equal(engine.isBusy, false);
    assert.equal(await containerExists(containerName(wanted.sandboxId)), false);
  });

  for (const answer of ['closes', 'half'] as const) {
    it(`gets a read-only request again when its connection ${answer === 'closes' ? 'is closed' : 'ends in the middle of the answer'}`, async () => {
      proxy.most = 2;
      proxy.treat('GET /containers/json', answer);
      assert.deepEqual(await engine.findSandboxes(`nobody-${randomUUID()}`), []);
      assert.equal(proxy.hits, 2);
    });
  }

  it('gets no second request that would create something twice', async () => {
    proxy.treat('POST /containers/create', 'closes');
    const wanted = specification(image, { libraries: newVolume() });
    await fails(engine.create(wanted), 'EngineFailed');
    assert.equal(proxy.hits, 1);
  });

  it('reports half of an answer as a failure at once, and is not waited for', async () => {
    proxy.treat('POST /containers/create', 'half');
    const began = performance.now();
    await fails(engine.create(specification(image)), 'EngineFailed');
    assert.ok(performance.now() - began < DEADLINES_MS['create container'] / 2);
  });
});
