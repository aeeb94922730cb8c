import assert from 'node:assert/strict';
import { silentLog } from '../../src/log';
import { decodeLine } from '../../src/protocol/decode';
import type { EventContents, SandboxEvent } from '../../src/protocol/messages';
import { Follower } from '../../src/session/stream/follower';
import { FakeSandbox } from './sessionFakeSandbox';
import { endSessions, start, until } from './sessionStart';

/** Starts a session with a cell that runs until the test ends it. */
async function running() {
  const sandbox = new FakeSandbox();
  let finish: () => void = () => undefined;
  sandbox.run = async () => {
    await new Promise<void>((resolve) => {
      finish = resolve;
    });
    return {};
  };
  const begun = start(sandbox);
  const cell = begun.session.execute('a');
  await until(() => sandbox.ran.length === 1);
  return {
    ...begun,
    sandbox,
    cell,
    finish: () => {
      finish();
    },
  };
}

describe('the connection of a session', () => {
  afterEach(endSessions);

  it('finds the end of a pause that no event reported, and notices a silent stream again', async () => {
    const { session, sandbox, cell, finish } = await running();
    sandbox.life('pause');
    assert.equal(session.state.kind === 'unreachable' && session.state.failure.code, 'SandboxPaused');
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(session.state.kind, 'unreachable', 'it is paused as yet');
    sandbox.state = { running: true, paused: false, exitCode: null };
    await until(() => session.state.kind === 'ready');
    sandbox.deaf = true;
    await until(() => sandbox.streams > 1);
    sandbox.deaf = false;
    finish();
    assert.equal((await cell.reply).status, 'ok');
  });

  it('does so too if the stream broke meanwhile', async () => {
    const { session, sandbox, cell, finish } = await running();
    sandbox.life('pause');
    sandbox.cut();
    await new Promise((resolve) => setTimeout(resolve, 50));
    sandbox.state = { running: true, paused: false, exitCode: null };
    await until(() => session.state.kind === 'ready');
    const { streams } = sandbox;
    sandbox.deaf = true;
    await until(() => sandbox.streams > streams);
    sandbox.deaf = false;
    finish();
    assert.equal((await cell.reply).status, 'ok');
  });

  for (const stream of ['keeps', 'loses'] as const) {
    it(`continues after the machine has slept for an hour, which ${stream} its stream`, async () => {
      const { session, events, sandbox, cell, finish } = await running();
      const [now, date] = [performance.now.bind(performance), Date.now];
      const wakes = now() + 100;
      while (now() < wakes) {
        /* nothing runs, and every timer is late */
      }
      performance.now = () => now() + 3600_000;
      Date.now = () => date() + 3600_000;
      try {
        if (stream === 'loses') {
          sandbox.cut();
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
        await until(() => session.state.kind === 'ready');
        assert.equal(sandbox.streams, stream === 'keeps' ? 1 : 2);
        finish();
        assert.equal((await cell.reply).status, 'ok');
        assert.deepEqual(
          events.map((event) => event.seq),
          sandbox.log.map((_, i) => i + 1),
        );
      } finally {
        Object.assign(performance, { now });
        Date.now = date;
      }
    });
  }
});

describe('a place in a log', () => {
  const line = (seq: number, type: string, content: object) =>
    decodeLine(
      JSON.stringify({
        seq,
        kernel: 'main',
        gen: 1,
        t: 1,
        channel: 'iopub',
        msg_type: type,
        parent_header: { msg_id: 'a' },
        content,
        metadata: {},
        buffers: [],
      }),
    );
  const follower = (first: number, last: number) => {
    const told: SandboxEvent[] = [];
    const one = new Follower(
      {
        logged: (event) => told.push(event),
        unlogged: () => undefined,
        hole: () => undefined,
        unreadable: () => undefined,
      },
      silentLog,
      1_000,
    );
    one.hello({ boot: 'b', first, last } as EventContents['hello']);
    return { one, told };
  };
  const MANY = 25_000_000;

  it('starts where the log starts, however much of it was trimmed', () => {
    const { one, told } = follower(MANY, MANY + 1);
    one.receive(line(MANY - 1, 'gap', { from: 1, to: MANY - 1, bytes: 5 }));
    for (const seq of [MANY, MANY + 1]) {
      one.receive(line(seq, 'stream', { name: 'stdout', text: 'x' }));
    }
    assert.deepEqual(
      told.map(({ seq }) => seq),
      [MANY - 1, MANY, MANY + 1],
    );
    assert.equal(one.caughtUp, true);
  });

  it('accepts no seq far beyond the end of the log', () => {
    const { one, told } = follower(1, 2);
    one.receive(line(MANY, 'stream', { name: 'stdout', text: 'forged' }));
    one.receive(line(MANY, 'gap', { from: 1, to: MANY, bytes: 5 }));
    for (const seq of [1, 2]) {
      one.receive(line(seq, 'stream', { name: 'stdout', text: 'x' }));
    }
    assert.deepEqual(
      told.map(({ seq }) => seq),
      [1, 2],
    );
  });
});
