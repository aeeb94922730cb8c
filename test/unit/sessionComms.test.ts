import assert from 'node:assert/strict';
import { SandboxError } from '../../src/protocol/errors';
import { MAX_COMM_BYTES, type JsonObject, type SandboxEvent } from '../../src/protocol/messages';
import type { CommMessage } from '../../src/session/types';
import { ContainerSession } from '../../src/session/session';
import { DEFAULT_SETTINGS } from '../../src/session/settings';
import { TIMING, type Timing } from '../../src/session/time';
import { random } from './outputsModel';
import { FakeSandbox } from './sessionFakeSandbox';

const QUICK: Timing = {
  ...TIMING,
  start: 500,
  hello: 100,
  ping: 10,
  backOff: { first: 1, longest: 2 },
  replay: 30,
  lastWords: 20,
  comm: 5_000,
  shutdown: 20,
};

const open: ContainerSession[] = [];
function start(sandbox: FakeSandbox, timing: Partial<Timing> = {}) {
  const session = ContainerSession.start(sandbox, {
    image: 'image',
    owner: 'owner',
    notebookHint: '',
    settings: DEFAULT_SETTINGS,
    lease: 60,
    timing: { ...QUICK, ...timing },
  });
  open.push(session);
  return session;
}
const update = (value: number, more: Partial<CommMessage> = {}): CommMessage => ({
  type: 'comm_msg',
  commId: 'c',
  data: { method: 'update', state: { value } },
  ...more,
});
const problem =
  (wanted: string) =>
  (error: unknown): boolean =>
    error instanceof SandboxError && error.code === 'CommRefused' && error.params['problem'] === wanted;
const code =
  (wanted: string) =>
  (error: unknown): boolean =>
    error instanceof SandboxError && error.code === wanted;

describe('comm messages of a session', () => {
  afterEach(async () => {
    await Promise.all(open.splice(0).map((session) => session.dispose()));
  });

  it("reach the sandbox with Jupyter's names, their buffers and the time limit of cells", async () => {
    const sandbox = new FakeSandbox();
    const session = start(sandbox);
    const bytes = Uint8Array.from([0, 255, 128]);
    const id = await session.sendComm({
      type: 'comm_open',
      commId: 'c',
      targetName: 'echo',
      data: { a: [1] },
      metadata: { version: '2' },
      buffers: [new Uint8Array(bytes.buffer, 1, 2)],
    });
    await session.sendComm(update(1, { msgId: 'my-own' }));
    await session.sendComm({ type: 'comm_close', commId: 'c' });
    assert.deepEqual(
      sandbox.comms.map(({ header, channel, content, metadata, buffers }) => ({
        ...header,
        channel,
        content,
        metadata,
        buffers,
      })),
      [
        {
          msg_id: id,
          msg_type: 'comm_open',
          channel: 'shell',
          content: { comm_id: 'c', target_name: 'echo', data: { a: [1] }, timeout: 300 },
          metadata: { version: '2' },
          buffers: ['/4A='],
        },
        {
          msg_id: 'my-own',
          msg_type: 'comm_msg',
          channel: 'shell',
          content: { comm_id: 'c', data: { method: 'update', state: { value: 1 } }, timeout: 300 },
          metadata: {},
          buffers: [],
        },
        {
          msg_id: sandbox.comms[2]?.header.msg_id,
          msg_type: 'comm_close',
          channel: 'shell',
          content: { comm_id: 'c', data: {}, timeout: 300 },
          metadata: {},
          buffers: [],
        },
      ],
    );
  });

  it('are handled once and in order wherever the streams are cut, including long messages', async function () {
    this.timeout(60_000);
    for (let seed = 1; seed <= 40; seed += 1) {
      const next = random(seed);
      const sandbox = new FakeSandbox();
      let faults = 8;
      sandbox.fault = () =>
        faults-- > 0 ? { up: 200 + next(400_000), down: next(3_000) } : { up: Infinity, down: Infinity };
      const session = start(sandbox, { stable: 10_000 });
      const sent = Array.from({ length: 12 }, (_, i) =>
        update(i, { buffers: i % 3 === 0 ? [new Uint8Array(150_000).fill(i)] : [] }),
      );
      await Promise.all(sent.map((message) => session.sendComm(message)));
      assert.deepEqual(
        sandbox.comms.map(({ content }) => (content.data as { state: { value: number } }).state.value),
        sent.map((_, i) => i),
        `seed ${seed}`,
      );
      assert.ok(
        sandbox.comms.every(({ buffers }, i) =>
          Buffer.from(buffers[0] ?? '', 'base64').equals(Buffer.from(sent[i]?.buffers?.[0] ?? [])),
        ),
        `seed ${seed}`,
      );
      await session.dispose();
    }
  });

  it('count as accepted after any event that names them', async () => {
    const sandbox = new FakeSandbox();
    const session = start(sandbox);
    await session.started;
    sandbox.deaf = true;
    const sent = session.sendComm(update(1, { msgId: 'gone-from-the-log' }));
    sandbox.emit('status', { execution_state: 'idle' }, 'gone-from-the-log');
    assert.equal(await sent, 'gone-from-the-log');
  });

  it('are refused before anything is sent if they are too long, malformed or too many', async () => {
    const sandbox = new FakeSandbox();
    const session = start(sandbox);
    await session.started;
    const circular: JsonObject = {};
    circular['self'] = circular;
    let deep: JsonObject = {};
    for (let i = 0; i < 200_000; i += 1) {
      deep = { deep };
    }
    await assert.rejects(
      session.sendComm(update(1, { buffers: [new Uint8Array(MAX_COMM_BYTES + 1)] })),
      problem('tooLong'),
    );
    await assert.rejects(
      session.sendComm(update(1, { buffers: [new Uint8Array(MAX_COMM_BYTES - 1_000_000)] })),
      problem('tooLong'),
    );
    await assert.rejects(
      session.sendComm(update(1, { data: { text: 'x'.repeat(MAX_COMM_BYTES) } })),
      problem('tooLong'),
    );
    for (const data of [circular, deep]) {
      await assert.rejects(session.sendComm(update(1, { data })), problem('data'));
    }
    for (const wrong of [
      { commId: '' },
      { commId: 'x'.repeat(257) },
      { msgId: '../../x' },
      { type: 'comm_open' as const },
    ]) {
      await assert.rejects(session.sendComm(update(1, wrong)), problem('name'));
    }
    assert.equal(sandbox.comms.length, 0);
    sandbox.deaf = true;
    const waiting = Array.from({ length: 1_000 }, (_, i) =>
      session.sendComm(update(i)).catch((error: unknown) => error),
    );
    await assert.rejects(session.sendComm(update(0)), problem('tooMany'));
    await session.dispose();
    assert.ok((await Promise.all(waiting)).every(code('Cancelled')));
  });

  it('make room for other messages once they are accepted', async () => {
    const session = start(new FakeSandbox());
    for (let i = 0; i < 3; i += 1) {
      await Promise.all(Array.from({ length: 600 }, (_, n) => session.sendComm(update(n))));
    }
  });

  it('fail at their deadline, and when they are cancelled or refused or the sandbox is gone', async () => {
    const sandbox = new FakeSandbox();
    const session = start(sandbox, { comm: 40 });
    await session.started;
    sandbox.deaf = true;
    await assert.rejects(
      session.sendComm(update(1)),
      (error: SandboxError) => error.code === 'SandboxSilent' && error.params['operation'] === 'comm',
    );
    await assert.rejects(session.sendComm(update(1), AbortSignal.abort()), code('Cancelled'));
    const refused = session.sendComm(update(1, { msgId: 'no' }));
    sandbox.emit('refused', { code: 'ProtocolViolation', params: { reason: 'too many comm messages wait' } }, 'no', {
      seq: 0,
    });
    await assert.rejects(refused, code('ProtocolViolation'));
    const open = session.sendComm(update(1));
    sandbox.state = { running: false, paused: false, exitCode: 137 };
    sandbox.life('die', 137);
    await assert.rejects(open, code('SandboxGone'));
    await assert.rejects(session.sendComm(update(1)), code('SandboxGone'));
  });

  it('are reported as lost if the log lacks some of them, and no cell is sent again because of that', async () => {
    const sandbox = new FakeSandbox();
    const session = start(sandbox);
    const events: SandboxEvent[] = [];
    session.onEvent((event) => events.push(event));
    await session.started;
    sandbox.emit('comm_gap', { messages: 3, bytes: 4_096 }, '', { seq: 0 });
    assert.equal((await session.execute('a').reply).status, 'ok');
    assert.deepEqual(
      events.filter(({ msg_type: type }) => type === 'comm_gap' || type === 'notice').map(({ content }) => content),
      [{ messages: 3, bytes: 4_096 }],
    );
  });
});
