import assert from 'node:assert/strict';
import { SandboxError } from '../../src/protocol/errors';
import { FakeSandbox } from './sessionFakeSandbox';
import { endSessions, start, until } from './sessionStart';

type Started = ReturnType<typeof start> & { sandbox: FakeSandbox };
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Each function starts a session whose cell never ends by itself, and brings it to the named moment. */
const MOMENTS: Readonly<Record<string, () => Promise<Started>>> = {
  'while its container is made': () => {
    const sandbox = endless();
    sandbox.createDelay = 30;
    return Promise.resolve({ sandbox, ...start(sandbox) });
  },
  'while its stream is opened': async () => {
    const sandbox = endless();
    const open = sandbox.openStream.bind(sandbox);
    let asked = false;
    sandbox.openStream = async () => {
      asked = true;
      await pause(30);
      return open();
    };
    const started = start(sandbox);
    await until(() => asked);
    return { sandbox, ...started };
  },
  'while the log is replayed': async () => {
    const sandbox = endless();
    sandbox.log.push(''); // an event that never comes
    const started = start(sandbox);
    await until(() => sandbox.streams === 1);
    return { sandbox, ...started };
  },
  'while a cell runs': running,
  'while its stream is cut': async () => {
    const started = await running();
    started.sandbox.away = new SandboxError('EngineSilent');
    started.sandbox.cut();
    return started;
  },
  'while a reset is not answered': async () => {
    const started = await running();
    started.sandbox.deaf = true;
    started.session.reset({ files: 'keep' }).catch((error: unknown) => {
      assert.ok(error instanceof SandboxError);
    });
    return started;
  },
  'when its sandbox is gone': async () => {
    const started = await running();
    started.sandbox.state = null;
    started.sandbox.life('die', 1);
    await until(() => started.session.state.kind === 'gone');
    return started;
  },
};

type Act = (started: Started, msgId: string) => Promise<void>;
const ACTS: Readonly<Record<string, Act>> = {
  reset: ({ session }) => session.reset({ files: 'keep' }),
  interrupt: ({ session }, msgId) => session.interrupt(msgId),
  detach: ({ session }) => session.detach(),
  dispose: ({ session }) => session.dispose(),
};

function endless(): FakeSandbox {
  const sandbox = new FakeSandbox();
  sandbox.run = () => new Promise(() => undefined);
  return sandbox;
}

async function running(): Promise<Started> {
  const sandbox = endless();
  const started = start(sandbox);
  started.session.execute('the one that runs');
  await until(() => sandbox.ran.length === 1);
  return { sandbox, ...started };
}

describe('any request to a session at any moment', () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => {
    unhandled.push(reason);
  };
  before(() => {
    process.on('unhandledRejection', note);
  });
  afterEach(endSessions);
  after(() => {
    process.off('unhandledRejection', note);
  });

  for (const [moment, bring] of Object.entries(MOMENTS)) {
    for (const first of Object.keys(ACTS)) {
      it(`${first} and any other, each twice, ${moment}: everything ends in time and once, and nothing is left`, async () => {
        await Promise.all(
          Object.keys(ACTS).map(async (second) => {
            const started = await bring();
            const { session, sandbox, states } = started;
            const { msgId, reply } = session.execute('a');
            const outcomes = await Promise.all(
              [first, second, first, second].map(async (act) => {
                const begun = performance.now();
                const failure = await (ACTS[act] as Act)(started, msgId).then(
                  () => undefined,
                  (error: unknown) => error,
                );
                assert.ok(failure === undefined || failure instanceof SandboxError, String(failure));
                return performance.now() - begun;
              }),
            );
            assert.ok(Math.max(...outcomes) < 5_000, `${Math.max(...outcomes)} ms`);
            await session.dispose();
            await reply;
            assert.equal(session.state.kind, 'disposed');
            assert.equal(states.filter((state) => state === 'disposed').length <= 1, true);
            assert.equal(sandbox.listeners, 0);
            assert.ok(sandbox.removed.length <= 1, 'removed once');
            assert.equal((await session.execute('late').reply).status, 'aborted');
            await started.session.started.catch((error: unknown) => {
              assert.ok(error instanceof SandboxError);
            });
          }),
        );
        await pause(5);
        assert.deepEqual(unhandled, []);
      });
    }
  }
});
