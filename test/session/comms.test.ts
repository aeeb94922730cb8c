import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Engine } from '../../src/engine/engine';
import { buffersOf } from '../../src/protocol/decode';
import type { EventOf, SandboxEvent } from '../../src/protocol/messages';
import type { CommMessage } from '../../src/session/types';
import { killRelays } from './engineTools';
import { attach, connect, derivedImage, endSessions, startSession, type TestSession } from './support/sandboxes';

const ECHO = `
def echo(comm, opened):
    @comm.on_msg
    def answer(message):
        comm.send(message["content"]["data"], buffers=message["buffers"])
get_ipython().kernel.comm_manager.register_target("echo", echo)`;

describe('comm messages of a real sandbox', () => {
  let engine: Engine;
  let sandbox: TestSession;

  before(async function () {
    this.timeout(240_000);
    engine = await connect();
    sandbox = startSession(engine, await derivedImage(engine));
    await sandbox.session.started;
  });
  after(async () => {
    await endSessions();
    engine.dispose();
  });
  beforeEach(async () => {
    await sandbox.session.reset({ files: 'clear' });
  });

  /** Sends a message and returns its events once it was handled. */
  const send = async (message: CommMessage, by = sandbox): Promise<SandboxEvent[]> => {
    const id = await by.session.sendComm(message);
    await by.event(
      (event) =>
        event.msg_type === 'status' && event.content.execution_state === 'idle' && event.parent_header.msg_id === id,
    );
    return by.events.filter((event) => event.parent_header.msg_id === id);
  };
  const answers = (events: readonly SandboxEvent[]) =>
    events.filter((event): event is EventOf<'comm_msg'> & SandboxEvent => event.msg_type === 'comm_msg');
  const stderr = (events: readonly SandboxEvent[]) =>
    events
      .map((event) => (event.msg_type === 'stream' && event.content.name === 'stderr' ? event.content.text : ''))
      .join('');

  it('carry a megabyte of buffers to a target of a cell and back, and again on another stream', async () => {
    await sandbox.run(ECHO);
    await send({ type: 'comm_open', commId: 'echo-1', targetName: 'echo' });
    for (const round of [1, 2]) {
      const bytes = [randomBytes(700_000), Buffer.alloc(0), randomBytes(300_000)];
      const [answer, ...more] = answers(
        await send({ type: 'comm_msg', commId: 'echo-1', data: { round, text: 'ü🎈'.repeat(50_000) }, buffers: bytes }),
      );
      assert.ok(answer);
      assert.deepEqual([answer.content.comm_id, answer.content.data['round'], more.length], ['echo-1', round, 0]);
      assert.equal(answer.content.data['text'], 'ü🎈'.repeat(50_000));
      assert.deepEqual(
        buffersOf(answer).map((one) => Buffer.from(one)),
        bytes,
      );
      await killRelays(sandbox.session.id); // another stream is opened, which has received nothing yet
    }
  });

  it('can be sent by any session: one that attaches later uses a comm that another session opened, and gets the current state of its widgets', async () => {
    const first = startSession(engine, sandbox.session.image);
    const cell = await first.run(`${ECHO}
from sandboxed_ipython.kernel.comms import Comm
bar = Comm("jupyter.widget", data={"state": {"max": 20_000, "value": 0}})
for i in range(20_000): bar.send({"method": "update", "state": {"value": i}, "buffer_paths": []})
print(bar.comm_id)`);
    await send({ type: 'comm_open', commId: 'echo-1', targetName: 'echo' }, first);
    const running = first.session.execute('import time; time.sleep(1)');
    await first.begun(running.msgId);
    await first.session.sendComm({
      type: 'comm_msg',
      commId: 'echo-1',
      data: { sent: 'before' },
      msgId: 'left-behind',
    });
    await first.session.detach();
    const second = await attach(engine, first.session);
    await second.session.started;
    assert.deepEqual(
      second.session.cells.map(({ msgId }) => msgId),
      [running.msgId],
      'a message is no cell',
    );
    const bytes = randomBytes(1_000_000);
    const [answer] = answers(await send({ type: 'comm_msg', commId: 'echo-1', buffers: [bytes] }, second));
    assert.ok(answer !== undefined && Buffer.concat(buffersOf(answer)).equals(bytes));
    assert.deepEqual(
      answers(second.events.filter((event) => event.parent_header.msg_id === 'left-behind')).map(
        ({ content }) => content.data,
      ),
      [{ sent: 'before' }],
    );
    const updates = answers(second.events).filter(({ content }) => content.comm_id === cell.text().trim());
    assert.ok(updates.length < 1_000, `${updates.length} updates`);
    assert.deepEqual(updates.at(-1)?.content.data['state'], { value: 19_999 });
  });

  it('come from a cell with their buffers', async () => {
    const cell = await sandbox.run(`${ECHO}
from sandboxed_ipython.kernel.comms import Comm
comm = Comm("from-a-cell", data={"a": 1}, buffers=[bytes(range(256)) * 4000])
comm.send({"b": 2}); comm.close()`);
    assert.deepEqual(
      cell.of('comm_open').map(({ target_name, data }) => [target_name, data]),
      [['from-a-cell', { a: 1 }]],
    );
    assert.deepEqual([cell.of('comm_msg')[0]?.data, cell.of('comm_close').length], [{ b: 2 }, 1]);
    const opened = cell.events.find((event) => event.msg_type === 'comm_open') ?? assert.fail();
    assert.deepEqual(
      Buffer.concat(buffersOf(opened)),
      Buffer.concat(Array.from({ length: 4000 }, () => Buffer.from(Array.from({ length: 256 }, (_, i) => i)))),
    );
  });

  it('for an unregistered target close the comm with a message, and the kernel lives', async () => {
    await sandbox.run('kept = 1');
    const events = await send({ type: 'comm_open', commId: 'nobodys', targetName: 'nobody' });
    assert.deepEqual(
      [stderr(events), events.filter(({ msg_type: type }) => type === 'comm_close').length],
      ['No such comm target registered: nobody\n', 1],
    );
    assert.equal(stderr(await send({ type: 'comm_msg', commId: 'nobodys' })), 'No such comm: nobodys\n');
    assert.equal((await sandbox.run('kept')).result, '1');
  });

  it('wait for the running cell; an exception of a callback is printed to stderr', async () => {
    await sandbox.run(`order = []
def target(comm, opened):
    def on(message):
        order.append(message["content"]["data"]["n"])
        raise ValueError("in the callback")
    comm.on_msg(on)
get_ipython().kernel.comm_manager.register_target("t", target)`);
    await send({ type: 'comm_open', commId: 'c', targetName: 't' });
    const cell = sandbox.session.execute('import time; print("go"); time.sleep(0.5); order.append("cell")');
    await sandbox.printed(cell.msgId, 'go');
    const handled = await Promise.all([1, 2].map((n) => send({ type: 'comm_msg', commId: 'c', data: { n } })));
    assert.match(stderr(handled[0] ?? []), /Exception in comm_msg for c\nTraceback[^]*ValueError: in the callback/);
    assert.equal((await sandbox.run('order')).result, "['cell', 1, 2]");
  });

  it('whose callback hangs can be interrupted, and the kernel keeps its state', async () => {
    await sandbox.run(`kept = 1
def hang(comm, opened):
    def on(message):
        print("go")
        while True: pass
    comm.on_msg(on)
get_ipython().kernel.comm_manager.register_target("hang", hang)`);
    await sandbox.session.interruptCallback(); // no callback runs
    await send({ type: 'comm_open', commId: 'hangs', targetName: 'hang' });
    const hanging = send({ type: 'comm_msg', commId: 'hangs', msgId: 'hanging' });
    await sandbox.printed('hanging', 'go');
    await sandbox.session.interruptCallback();
    assert.match(stderr(await hanging), /KeyboardInterrupt/);
    assert.equal((await sandbox.run('kept')).result, '1');
  });

  it('are reported as aborted when their kernel is reset', async () => {
    await sandbox.run(ECHO);
    const cell = sandbox.session.execute('print("go")\nwhile True: pass');
    await sandbox.printed(cell.msgId, 'go');
    const waiting = send({ type: 'comm_msg', commId: 'c', msgId: 'waits' });
    await sandbox.event((event) => event.msg_type === 'accepted' && event.parent_header.msg_id === 'waits');
    await sandbox.session.reset({ files: 'keep' });
    assert.deepEqual(
      (await waiting).flatMap((event) => (event.msg_type === 'status' ? [event.content.failure?.code] : [])),
      ['Aborted'],
    );
  });

  it('work with the comm package too if it is installed after the kernel has started', async function () {
    this.timeout(240_000);
    await sandbox.session.install(['comm']);
    const cell = await sandbox.run(
      'import comm\none = comm.create_comm(target_name="t", data={"a": 1})\none.on_msg(lambda m: one.send(m["content"]["data"]))\none.comm_id',
    );
    const commId = cell.of('comm_open')[0]?.comm_id ?? assert.fail(JSON.stringify(cell.reply));
    assert.deepEqual(
      answers(await send({ type: 'comm_msg', commId, data: { back: true } })).map(({ content }) => content.data),
      [{ back: true }],
    );
  });
});
