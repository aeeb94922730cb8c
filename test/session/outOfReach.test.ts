import assert from 'node:assert/strict';
import { DEADLINES_MS } from '../../src/engine/deadlines';
import type { Engine } from '../../src/engine/engine';
import { isSandboxError } from '../../src/protocol/errors';
import { TIMING } from '../../src/session/time';
import { until } from './engineTools';
import { ANSWERS, RequestProxy, type Answer } from './support/requestProxy';
import { connect, derivedImage, endSessions, startSession, type TestSession } from './support/sandboxes';

const ENGINE_SOCKET = (process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock').replace('unix://', '');
const SHORT_MS = 1_000;
const LINES = 60;

describe('a cell whose sandbox is out of reach', function () {
  this.timeout(120_000);
  let image: string;

  before(async function () {
    this.timeout(240_000);
    const engine = await connect();
    image = await derivedImage(engine);
    engine.dispose();
  });
  afterEach(endSessions);

  for (const [kind, blocks] of [
    ['POST /containers/{id}/exec relay', true],
    ['POST /exec/{id}/start relay', true],
    ['GET /containers/{id}/json', false],
  ] as const) {
    it(`continues without an answer to ${kind}; ${blocks ? 'the cell reports it, requests end in time, and its output comes once there is an answer' : 'its stream is opened again all the same'}`, async () => {
      await Promise.all(ANSWERS.map((answer) => cutOff(kind, answer, blocks)));
    });
  }

  async function cutOff(kind: string, answer: Answer, blocks: boolean): Promise<void> {
    const proxy = new RequestProxy(ENGINE_SOCKET);
    let engine: Engine | undefined;
    let sandbox: TestSession | undefined;
    try {
      engine = await connect(await proxy.listen(), {
        ...DEADLINES_MS,
        'create exec': SHORT_MS,
        'start exec': SHORT_MS,
        'inspect container': SHORT_MS,
      });
      sandbox = startSession(
        engine,
        image,
        {},
        {
          timing: {
            ...TIMING,
            interrupt: SHORT_MS,
            reset: SHORT_MS,
            answer: SHORT_MS,
            complete: SHORT_MS,
            hello: SHORT_MS,
          },
        },
      );
      const { session } = sandbox;
      const { msgId, reply } = session.execute(`import time\nfor i in range(${LINES}): print(i); time.sleep(0.1)`);
      await sandbox.printed(msgId, '3');
      proxy.treat(kind, answer);
      proxy.cut();
      if (blocks) {
        await until('it is told', () => session.state.kind === 'unreachable', 20_000);
        const told = await sandbox.event(
          (event) => event.msg_type === 'notice' && event.parent_header.msg_id === msgId,
        );
        assert.equal(told.msg_type === 'notice' && told.content.code, 'OutOfReach');
        const asked = [session.interrupt(msgId), session.reset({ files: 'keep' }), session.answer('nobody asked', '')];
        for (const one of await Promise.allSettled(asked)) {
          assert.ok(
            one.status === 'rejected' && isSandboxError(one.reason, 'SandboxSilent'),
            `${answer}: ${JSON.stringify(one)}`,
          );
        }
        assert.equal(await session.complete('pri', 3), null);
        assert.ok(proxy.hits > 0);
      } else {
        await until('it is asked for', () => proxy.hits > 0, 20_000);
      }
      if (blocks) {
        proxy.treat(undefined);
      }
      const cell = sandbox.gathered(msgId, await reply);
      assert.equal(
        cell.reply.status,
        'ok',
        `${answer}: a press and a reset that did not get through in time hit nothing later`,
      );
      assert.equal(cell.text(), Array.from({ length: LINES }, (_, i) => `${i}\n`).join(''));
      assert.equal(session.state.kind, 'ready');
      const notices = cell.of('notice').map(({ code, params }) => `${code}${'seconds' in params ? ' over' : ''}`);
      if (blocks) {
        assert.equal(notices.at(-1), 'OutOfReach over', notices.join());
      }
    } finally {
      proxy.treat(undefined);
      await sandbox?.session.dispose();
      engine?.dispose();
      await proxy.close();
    }
  }
});
