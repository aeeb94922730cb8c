import assert from 'node:assert/strict';
import { SandboxError } from '../../src/protocol/errors';
import type { Command, EventContents, SandboxEvent } from '../../src/protocol/messages';
import { FakeSandbox } from './sessionFakeSandbox';
import { attach, endSessions, start, until } from './sessionStart';

/** A sandbox whose cells print their code, wait for a signal of the test, print it again, and end. */
class Held extends FakeSandbox {
  readonly #held = new Map<string, () => void>();
  fails = new Set<string>();

  override run = async ({
    content: { code },
    header: { msg_id: msgId },
    metadata,
  }: Command<'execute_request'>): Promise<Partial<EventContents['execute_reply']>> => {
    this.emit('status', { execution_state: 'busy' }, msgId, { metadata });
    this.emit('stream', { name: 'stdout', text: `${code} begins` }, msgId);
    await new Promise<void>((resolve) => {
      this.#held.set(code, resolve);
    });
    this.emit('stream', { name: 'stdout', text: `${code} ends` }, msgId);
    return this.fails.has(code)
      ? { status: 'error', ename: 'ValueError', evalue: 'no', execution_count: 1 }
      : { execution_count: 1 };
  };

  async goOn(code: string): Promise<void> {
    await until(() => this.#held.has(code));
    this.#held.get(code)?.();
    await until(() => this.ran.at(-1) !== code || (this.log.at(-1) ?? '').includes('execute_reply'));
  }
}

const story = (events: readonly SandboxEvent[], msgId: string): string[] =>
  events
    .filter((event) => event.parent_header.msg_id === msgId)
    .flatMap((event) => {
      if (event.msg_type === 'stream') {
        return [event.content.text];
      }
      if (event.msg_type === 'notice' && event.content.code === 'OutputLost') {
        return [`${event.content.code} ${event.content.params['bytes']}`];
      }
      return event.msg_type === 'execute_reply'
        ? [`${event.content.status} ${event.content.traceback.join()}`.trim()]
        : [];
    });

describe('output that a sandbox could not keep for a window that was away', () => {
  afterEach(endSessions);

  it('is reported as missing in the cells that had started, before their remaining output, and in no other cell', async () => {
    const sandbox = new Held();
    const { session, events } = start(sandbox);
    const [cut, gone, running, whole] = ['cut', 'gone', 'running', 'whole'].map((code) => session.execute(code));
    assert.ok(cut && gone && running && whole);
    await until(() => sandbox.ran.length === 1);
    sandbox.away = new SandboxError('EngineSilent');
    sandbox.cut();
    await sandbox.goOn('cut');
    await sandbox.goOn('gone');
    await until(() => sandbox.ran.at(-1) === 'running');
    sandbox.trim();
    sandbox.emit('stream', { name: 'stdout', text: 'running goes on' }, running.msgId);
    sandbox.away = undefined;
    await Promise.all([cut.reply, gone.reply]);
    const lost = 'OutputLost 1000';
    assert.deepEqual(
      [cut, gone, running].map(({ msgId }) => story(events, msgId)),
      [
        ['cut begins', lost, 'ok'],
        [lost, 'ok'],
        [lost, 'running goes on'],
      ],
    );
    await sandbox.goOn('running');
    await sandbox.goOn('whole');
    await whole.reply;
    assert.deepEqual(story(events, whole.msgId), ['whole begins', 'whole ends', 'ok'], 'all of it is behind the gap');
  });
});

describe('a window that comes back', () => {
  afterEach(endSessions);

  /** A sandbox whose first window is gone, and the cells that were open in that window. */
  async function left(...codes: string[]) {
    const sandbox = new Held();
    const { session } = start(sandbox);
    const cells = codes.map((code, index) => session.execute(code, { metadata: { cellId: code, index } }));
    await until(() => sandbox.ran.length === 1 && session.open.length === codes.length);
    const { open } = session;
    await session.detach();
    return { sandbox, open, ids: cells.map(({ msgId }) => msgId) };
  }

  it('gets the ends and the metadata of cells that are no longer in the log, and the notice that output is missing', async () => {
    const {
      sandbox,
      open,
      ids: [cut = '', gone = '', failed = '', running = '', whole = ''],
    } = await left('cut', 'gone', 'failed', 'running', 'whole');
    sandbox.fails.add('failed');
    for (const code of ['cut', 'gone', 'failed']) {
      await sandbox.goOn(code);
    }
    await until(() => sandbox.ran.at(-1) === 'running');
    sandbox.trim();
    sandbox.emit('stream', { name: 'stdout', text: 'running goes on' }, running);
    const { session, events } = attach(sandbox, { open });
    await session.started;
    const lost = 'OutputLost 1000';
    assert.deepEqual(
      [cut, gone, failed, running].map((msgId) => story(events, msgId)),
      [
        [lost, 'ok'],
        [lost, 'ok'],
        [lost, 'error ValueError: no'],
        [lost, 'running goes on'],
      ],
    );
    assert.deepEqual(
      session.cells.map(({ msgId }) => msgId),
      [running, whole],
    );
    const whose = events
      .filter((event) => event.msg_type === 'accepted')
      .map(({ parent_header: { msg_id: msgId }, metadata }) => [msgId, metadata['cellId']]);
    assert.deepEqual(whose, [
      [cut, 'cut'],
      [gone, 'gone'],
      [failed, 'failed'],
    ]);
    const [end] = events.filter((event) => event.msg_type === 'execute_reply' && event.parent_header.msg_id === cut);
    assert.ok(end && end.t > 0 && end.t < events.at(-1)!.t, 'when it ended');
    await sandbox.goOn('running');
    await sandbox.goOn('whole');
    await Promise.all(session.cells.map(({ reply }) => reply));
    assert.deepEqual(story(events, whole), ['whole begins', 'whole ends', 'ok'], 'all of it is behind the gap');
  });

  it('gets the end of a cell whose beginning was trimmed, with a notice in its place', async () => {
    const {
      sandbox,
      open,
      ids: [cut = ''],
    } = await left('cut');
    sandbox.trim();
    await sandbox.goOn('cut');
    const { session, events } = attach(sandbox, { open });
    await session.started;
    assert.deepEqual(story(events, cut), ['OutputLost 1000', 'cut ends', 'ok']);
    assert.deepEqual(session.open, []);
    assert.deepEqual(sandbox.ran, ['cut'], 'asking runs nothing');
  });

  it('shows no notice in cells whose log is complete', async () => {
    const {
      sandbox,
      open,
      ids: [cell = ''],
    } = await left('cell');
    await sandbox.goOn('cell');
    const { session, events } = attach(sandbox, { open });
    await session.started;
    assert.deepEqual(story(events, cell), ['cell begins', 'cell ends', 'ok']);
    assert.equal(events.filter((event) => event.msg_type === 'accepted').length, 1);
  });

  it('becomes ready in time although nothing tells how a cell ended', async () => {
    const { sandbox, open } = await left('cell');
    await sandbox.goOn('cell');
    sandbox.trim();
    const unknown = open.map((cell) => ({ ...cell, msgId: 'unknown' }));
    sandbox.run = () => new Promise(() => undefined);
    const { session } = attach(sandbox, { open: unknown });
    await session.started;
    assert.deepEqual(session.open, []);
  });
});

describe('a kernel that ended while no cell ran', () => {
  afterEach(endSessions);
  const notices = (events: readonly SandboxEvent[]) =>
    events.flatMap((event) =>
      event.msg_type === 'notice'
        ? [`${event.parent_header.msg_id} ${event.content.code} ${event.content.params['cause']}`]
        : [],
    );

  it('is reported once by the next cell with the cause, and by a later window in the same cell', async () => {
    const sandbox = new FakeSandbox();
    const { session, events } = start(sandbox);
    await session.execute('a').reply;
    sandbox.die('OutOfMemory');
    const next = session.execute('b');
    await next.reply;
    await session.execute('c').reply;
    const told = [`${next.msgId} Restarted OutOfMemory`];
    assert.deepEqual(notices(events), told);
    assert.equal(events[events.findIndex((event) => event.msg_type === 'notice') - 1]?.msg_type, 'execute_input');
    await session.detach();
    const later = attach(sandbox);
    await later.session.started;
    assert.deepEqual(notices(later.events), told);
  });

  it('is not reported if another cell has already reported it or the user requested it', async () => {
    const sandbox = new FakeSandbox();
    const { session, events } = start(sandbox);
    sandbox.run = () =>
      Promise.resolve({
        status: 'error',
        failure: { code: 'KernelDied', params: { signal: 'SIGSEGV', exitcode: 139 } },
      });
    await session.execute('a').reply;
    sandbox.die();
    sandbox.run = () => Promise.resolve({});
    await session.execute('b').reply;
    sandbox.die();
    sandbox.emit('status', {
      execution_state: 'restarting',
      failure: { code: 'Restarted', params: { reason: 'reset' } },
    });
    await session.execute('c').reply;
    assert.deepEqual(notices(events), []);
  });
});
