import assert from 'node:assert/strict';
import type { EventContents, SandboxEvent } from '../../src/protocol/messages';
import { FakeSandbox } from './sessionFakeSandbox';
import { attach, endSessions, start, until } from './sessionStart';

type Reply = Partial<EventContents['execute_reply']>;

/** A sandbox whose cells end when `finish` is called with their code. */
function manual(): { sandbox: FakeSandbox; finish: (code: string, reply?: Reply) => void } {
  const sandbox = new FakeSandbox();
  const open = new Map<string, (reply: Reply) => void>();
  sandbox.run = ({ content: { code } }) => new Promise((resolve) => open.set(code, resolve));
  return { sandbox, finish: (code, reply = {}) => open.get(code)?.(reply) };
}
const of = (events: readonly SandboxEvent[], kernel: string): string[] =>
  events.filter((event) => event.kernel === kernel).map(({ msg_type: type }) => type);

describe('a session with two kernels', () => {
  afterEach(endSessions);

  it('runs their cells side by side, each in its own order', async () => {
    const { sandbox, finish } = manual();
    const { session, events } = start(sandbox);
    const second = session.kernel('second');
    const a = session.execute('a');
    const b = session.execute('b');
    const x = second.execute('x');
    assert.deepEqual([a.kernel, x.kernel], ['main', 'second']);
    await until(() => sandbox.ran.length === 2);
    assert.deepEqual(sandbox.ran, ['a', 'x']);
    assert.deepEqual(
      session.open.map(({ kernel }) => kernel),
      ['main', 'main', 'second'],
    );
    finish('x');
    assert.equal((await x.reply).status, 'ok');
    finish('a');
    await a.reply;
    await until(() => sandbox.ran.length === 3);
    finish('b');
    await b.reply;
    assert.deepEqual(of(events, 'second'), ['accepted', 'execute_input', 'execute_reply']);
  });

  it('compares generations only within a kernel', async () => {
    const { sandbox, finish } = manual();
    const { session, events } = start(sandbox);
    await session.started;
    await session.reset({ files: 'keep' });
    await session.reset({ files: 'keep' }); // the first kernel is of generation 3 now
    const a = session.execute('a');
    const x = session.kernel('second').execute('x');
    await until(() => sandbox.ran.length === 2);
    const output = { name: 'stdout', text: 'out' } as const;
    sandbox.emit('stream', output, x.msgId, { kernel: 'second' });
    sandbox.emit('stream', output, a.msgId, { gen: 2 }); // late output of an older generation
    finish('a');
    finish('x');
    await Promise.all([a.reply, x.reply]);
    assert.deepEqual(
      events.filter(({ msg_type: type }) => type === 'stream').map(({ kernel }) => kernel),
      ['second'],
    );
  });

  it('resets one kernel, while the cells of the other go on', async () => {
    const { sandbox, finish } = manual();
    const { session } = start(sandbox);
    const second = session.kernel('second');
    const a = session.execute('a');
    const x = second.execute('x');
    const y = second.execute('y');
    await until(() => sandbox.ran.length === 2);
    await second.reset({ files: 'keep' });
    assert.deepEqual([(await x.reply).status, (await y.reply).status], ['aborted', 'aborted']);
    assert.deepEqual(
      session.open.map(({ msgId }) => msgId),
      [a.msgId],
    );
    finish('a');
    assert.equal((await a.reply).status, 'ok');
  });

  it('interrupts the callback of the kernel that handles it', async () => {
    const { sandbox } = manual();
    const { session } = start(sandbox);
    await session.started;
    const second = session.kernel('second');
    sandbox.emit('status', { execution_state: 'busy', comm_id: 'c' }, 'm1', { kernel: 'second' });
    sandbox.emit('status', { execution_state: 'busy', comm_id: 'd' }, 'm2');
    sandbox.emit('status', { execution_state: 'idle', comm_id: 'd' }, 'm2');
    await until(() => session.place.seq === sandbox.log.length);
    const interrupts = () => sandbox.log.filter((line) => line.includes('"interrupt_reply"'));
    await session.interruptCallback(); // the first kernel handles none
    assert.equal(interrupts().length, 0);
    await second.interruptCallback();
    assert.equal(interrupts().length, 1);
    assert.match(interrupts()[0] ?? '', /"kernel":"second"/);
  });

  it('reports the death of a kernel in the next cell of that kernel', async () => {
    const sandbox = new FakeSandbox();
    const { session, events } = start(sandbox);
    const second = session.kernel('second');
    await Promise.all([session.execute('a').reply, second.execute('x').reply]);
    sandbox.die('KernelDied', 'second');
    await session.execute('b').reply;
    assert.deepEqual(
      of(events, 'main').filter((type) => type === 'notice'),
      [],
    );
    const y = second.execute('y');
    await y.reply;
    const notices = events.flatMap((event) => (event.msg_type === 'notice' ? [event] : []));
    assert.deepEqual(
      notices.map(({ kernel, parent_header: { msg_id: msgId }, content: { code } }) => [kernel, msgId, code]),
      [['second', y.msgId, 'Restarted']],
    );
  });

  it('attaches again to the open cells of both, and answers a question by its kernel', async () => {
    const { sandbox, finish } = manual();
    const first = start(sandbox).session;
    const a = first.execute('a');
    const x = first.kernel('second').execute('x');
    await until(() => sandbox.ran.length === 2);
    await first.detach();
    const { session } = attach(sandbox);
    await session.started;
    assert.deepEqual(
      session.cells.map(({ msgId, kernel }) => [msgId, kernel]),
      [
        [a.msgId, 'main'],
        [x.msgId, 'second'],
      ],
    );
    const ask = (kernel: string) => session.kernel(kernel).query('complete_request', { code: 'p', cursor_pos: 1 });
    finish('x');
    await session.cells[1]?.reply;
    assert.deepEqual([(await ask('main')).content.status, (await ask('second')).content.status], ['busy', 'ok']);
    finish('a');
    assert.equal((await session.cells[0]?.reply)?.status, 'ok');
  });
});
