import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from '../../src/engine/engine';
import { containerName } from '../../src/engine/specification';
import { TIMING } from '../../src/session/time';
import type { SessionState } from '../../src/session/types';
import { containerExists, docker, python, until } from './engineTools';
import { OWNER, attach, connect, derivedImage, endSessions, startSession } from './support/sandboxes';
import type { WindowsSandbox } from './support/window';

const numbers = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => `${from + i}\n`).join('');
const failureOf = (state: SessionState): string => ('failure' in state ? state.failure.code : state.kind);

describe('a sandbox that a window has left', function () {
  this.timeout(60_000);
  let engine: Engine;
  let image: string;

  before(async () => {
    engine = await connect();
    image = await derivedImage(engine);
  });
  afterEach(endSessions);
  after(() => {
    engine.dispose();
  });

  it('keeps its variables for a later session that attaches', async () => {
    const first = startSession(engine, image);
    await first.run('x = 6 * 7');
    await first.session.detach();
    const second = await attach(engine, first.session);
    await second.session.started;
    assert.deepEqual(second.session.cells, []);
    assert.equal((await second.run('x')).result, '42');
  });

  it('continues its cells: the later session gets earlier and later output, each event once', async () => {
    const first = startSession(engine, image);
    const metadata = { cellId: 'a', index: 0, runId: 'r' };
    const loop = first.session.execute('import time\nfor i in range(30):\n    print(i)\n    time.sleep(0.1)\n6 * 7', {
      metadata,
    });
    const queued = first.session.execute('print("queued")', { metadata: { cellId: 'b', index: 1, runId: 'r' } });
    await first.printed(loop.msgId, '5\n');
    await first.session.detach();
    await sleep(500);
    const second = await attach(engine, first.session);
    await second.session.started;
    assert.deepEqual(
      second.session.cells.map(({ msgId, metadata: its }) => [msgId, its]),
      [
        [loop.msgId, metadata],
        [queued.msgId, { cellId: 'b', index: 1, runId: 'r' }],
      ],
    );
    const [running, waiting] = second.session.cells;
    assert.ok(running && waiting);
    const cell = second.gathered(loop.msgId, await running.reply);
    assert.deepEqual([cell.text(), cell.result, cell.reply.status], [numbers(0, 30), '42', 'ok']);
    assert.equal(second.gathered(queued.msgId, await waiting.reply).text(), 'queued\n');
  });

  it('reports how a cell ended that ended while no window was attached', async () => {
    const first = startSession(engine, image);
    const cell = first.session.execute('import time\ntime.sleep(0.5)\nprint("done")\n1/0', {
      metadata: { cellId: 'a' },
    });
    await first.begun(cell.msgId);
    await first.session.detach();
    await sleep(1_000);
    const second = await attach(engine, first.session);
    await second.session.started;
    assert.deepEqual(second.session.cells, []);
    const reply = await second.event(
      (event) => event.msg_type === 'execute_reply' && event.parent_header.msg_id === cell.msgId,
    );
    assert.ok(reply.msg_type === 'execute_reply');
    assert.equal(reply.content.ename, 'ZeroDivisionError');
    const busy = second.events.find(
      (event) => event.msg_type === 'status' && event.parent_header.msg_id === cell.msgId,
    );
    assert.deepEqual(busy?.metadata, { cellId: 'a' });
  });

  it('reports how and when each cell ended meanwhile, and where output is missing because the log was full', async () => {
    const first = startSession(engine, image, { logBudget: 2 ** 20, maxOutput: 2 ** 20 });
    const flood = 'print("x" * 600_000)';
    const codes = [
      `import time\nprint("go")\ntime.sleep(1)\n${flood}`,
      `${flood}\n1/0`,
      `print("whole")\n${flood}\nopen("/sandbox/there", "w").close()\nwhile True: time.sleep(0.1)`,
    ];
    const [cut = '', gone = '', running = ''] = codes.map(
      (code, index) => first.session.execute(code, { metadata: { cellId: `cell ${index}`, index } }).msgId,
    );
    await first.printed(cut, 'go');
    const { open } = first.session;
    await first.session.detach();
    await until(
      'the cells are in the last one',
      async () =>
        (await python(containerName(first.session.id), 'import os; print(os.path.exists("/sandbox/there"))')).includes(
          'True',
        ),
      15_000,
    );
    const second = await attach(engine, first.session, { open });
    await second.session.started;
    const of = (msgId: string) => second.events.filter((event) => event.parent_header.msg_id === msgId);
    const told = (msgId: string) =>
      of(msgId).flatMap((event) =>
        event.msg_type === 'notice'
          ? [event.content.code]
          : event.msg_type === 'execute_reply'
            ? [event.content.ename || event.content.status]
            : [],
      );
    assert.deepEqual([cut, gone, running].map(told), [['OutputLost', 'ok'], ['OutputLost', 'ZeroDivisionError'], []]);
    assert.deepEqual(
      [cut, gone].map((msgId) => of(msgId)[0]?.metadata['cellId']),
      ['cell 0', 'cell 1'],
    );
    const [endOfCut = 0, endOfGone = 0, now = 0] = [cut, gone, running].map((msgId) => of(msgId).at(-1)?.t);
    assert.ok(
      second.session.clock.t - 60 < endOfCut && endOfCut <= endOfGone && endOfGone <= now,
      `${endOfCut} ${endOfGone} ${now}`,
    );
    assert.deepEqual(
      second.session.cells.map(({ msgId }) => msgId),
      [running],
    );
    assert.match(
      of(running)
        .flatMap((event) => (event.msg_type === 'stream' ? [event.content.text] : []))
        .join(''),
      /^whole\nx{600000}/,
    );
  });

  it('keeps an open prompt, which the later session answers', async () => {
    const first = startSession(engine, image);
    const cell = first.session.execute('input("one? ")\nname = input("two? ")\nprint(name)');
    const one = await first.event((event) => event.msg_type === 'input_request');
    assert.ok(one.msg_type === 'input_request');
    await first.session.answer(one.content.request, 'a', { cell: cell.msgId, echo: 'a\n' });
    await first.event((event) => event.msg_type === 'input_request' && event.content.prompt === 'two? ');
    await first.session.detach();
    const second = await attach(engine, first.session);
    await second.session.started;
    const [open] = second.session.cells;
    const two = second.events.find((event) => event.msg_type === 'input_request' && event.content.prompt === 'two? ');
    assert.ok(open && two?.msg_type === 'input_request');
    assert.deepEqual(open.requests, [two.content.request]);
    const answered = second.events.find(
      (event) => event.msg_type === 'accepted' && event.content.msg_type === 'input_reply',
    );
    assert.deepEqual(answered?.metadata, { cell: cell.msgId, echo: 'a\n' });
    await second.session.answer(two.content.request, 'Ada');
    assert.match(second.gathered(cell.msgId, await open.reply).text(), /Ada/);
  });

  it('keeps everything that a cell waits for: an install that a process of the cell requested, and a prompt', async () => {
    const first = startSession(engine, image);
    const cell = first.session.execute(
      'import subprocess, sys\ninstall = subprocess.Popen([sys.executable, "-m", "pip", "install", "six"])\ninput("one? ")\nname = input("two? ")\nprint(name, install.wait())',
    );
    const one = await first.event((event) => event.msg_type === 'input_request');
    assert.ok(one.msg_type === 'input_request');
    const asked = await first.event((event) => event.msg_type === 'install_request');
    assert.ok(asked.msg_type === 'install_request');
    await first.session.answer(one.content.request, '', { cell: cell.msgId, echo: '\n' });
    const two = await first.event((event) => event.msg_type === 'input_request' && event.content.prompt === 'two? ');
    assert.ok(two.msg_type === 'input_request');
    await first.session.detach();
    const second = await attach(engine, first.session);
    await second.session.started;
    const [open] = second.session.cells;
    assert.deepEqual(open?.requests, [asked.content.request, two.content.request]);
    await second.session.answer(two.content.request, 'Ada', { cell: cell.msgId, echo: 'Ada\n' });
    assert.match(second.gathered(cell.msgId, await open.reply).text(), /Ada 0/);
  });

  it('can be interrupted by the later session, which ends the other cells of the run too', async () => {
    const first = startSession(engine, image);
    const cell = first.session.execute('while True: pass', { metadata: { runId: 'r' } });
    first.session.execute('never = 1', { metadata: { runId: 'r' } });
    await first.begun(cell.msgId);
    await first.session.detach();
    const second = await attach(engine, first.session);
    await second.session.started;
    await second.session.interrupt(cell.msgId);
    const [running, waiting] = await Promise.all(second.session.cells.map(({ reply }) => reply));
    assert.equal(running?.ename, 'KeyboardInterrupt');
    assert.equal(waiting?.status, 'aborted');
    assert.equal((await second.run('"never" in globals()')).result, 'False');
  });

  it('installs the package that a cell waits for once the later session has attached', async () => {
    const first = startSession(engine, image);
    const cell = first.session.execute('%pip install six');
    await first.event((event) => event.msg_type === 'install_request');
    await first.session.detach();
    const second = await attach(engine, first.session);
    await second.session.started;
    const [open] = second.session.cells;
    assert.ok(open, 'the cell has ended');
    assert.equal((await open.reply).status, 'ok', second.gathered(cell.msgId, await open.reply).text('stderr'));
    assert.equal((await second.run('import six; six.__name__')).result, "'six'");
  });

  it('has only one writer: a second window gets an error, and the first window continues', async () => {
    const first = startSession(engine, image);
    await first.run('x = 1');
    const second = await attach(engine, first.session);
    await assert.rejects(second.session.started, { code: 'InUse' });
    assert.equal((await first.run('x')).result, '1');
  });

  it('is taken over if the user requests it: the previous window leaves and ends nothing', async () => {
    const first = startSession(engine, image);
    const loop = first.session.execute('import time\nfor i in range(20):\n    print(i)\n    time.sleep(0.1)');
    await first.printed(loop.msgId, '3\n');
    const second = await attach(engine, first.session, { takeOver: true });
    await second.session.started;
    assert.equal((await loop.reply).failure?.code, 'InUse');
    assert.equal(failureOf(first.session.state), 'InUse');
    const [running] = second.session.cells;
    assert.ok(running);
    assert.equal(second.gathered(loop.msgId, await running.reply).text(), numbers(0, 20));
  });

  it('accepts its own host again although nobody has closed the previous stream', async () => {
    const first = startSession(engine, image);
    await first.run('x = 1');
    const second = await attach(engine, first.session, { host: first.session.host });
    await second.session.started;
    assert.equal((await second.run('x')).result, '1');
  });

  it('counts as another sandbox if its supervisor is not the expected one', async () => {
    const first = startSession(engine, image);
    await first.run('x = 1');
    await first.session.detach();
    const second = await attach(engine, first.session, { boot: 'f'.repeat(32) });
    await assert.rejects(second.session.started, { code: 'SandboxGone' });
    assert.ok(await containerExists(containerName(first.session.id)), 'it belongs to somebody');
    const third = await attach(engine, first.session);
    await third.session.started;
  });

  it('is not changed while it is paused, and can be attached to afterwards', async () => {
    const first = startSession(engine, image);
    await first.run('x = 1');
    await first.session.detach();
    const container = docker.getContainer(containerName(first.session.id));
    await container.pause();
    const impatient = await attach(engine, first.session, { timing: { ...TIMING, start: 500 } });
    await assert.rejects(impatient.session.started, { code: 'SandboxPaused' });
    const second = await attach(engine, first.session);
    try {
      await sleep(500);
      assert.equal(second.session.state.kind, 'starting');
    } finally {
      await container.unpause();
    }
    await second.session.started;
    assert.equal((await second.run('x')).result, '1');
  });

  it('is found only by its owner', async () => {
    const first = startSession(engine, image, {}, { notebookHint: 'file:///a.ipynb' });
    await first.session.started;
    const found = (await engine.findSandboxes(OWNER)).find(({ sandboxId }) => sandboxId === first.session.id);
    assert.ok(found);
    assert.equal(found.notebookHint, 'file:///a.ipynb');
    assert.equal(found.libraries, first.session.libraries);
    assert.ok(Math.abs(found.created - Date.now()) < 60_000);
    assert.deepEqual(await engine.findSandboxes('somebody else'), []);
  });

  it('ends when its lease expires, and is not found any more', async () => {
    const first = startSession(engine, image, {}, { lease: 1 });
    await first.run('x = 1');
    await first.session.detach();
    await until('it is removed', async () => !(await containerExists(containerName(first.session.id))), 15_000);
    assert.deepEqual(
      (await engine.findSandboxes(OWNER)).filter(({ sandboxId }) => sandboxId === first.session.id),
      [],
    );
  });

  it('ends when its lease expires even if its window was killed while a cell ran; its libraries stay until all sandboxes are shut down', async () => {
    const window = fork(join(__dirname, 'support/window.js'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const [{ id, owner, libraries }] = (await once(window, 'message', { signal: AbortSignal.timeout(30_000) })) as [
      WindowsSandbox,
    ];
    try {
      const container = containerName(id);
      assert.ok(await containerExists(container));
      window.kill('SIGKILL');
      await until('it is removed', async () => !(await containerExists(container)), 15_000);
      await docker.getVolume(libraries).inspect();
    } finally {
      window.kill('SIGKILL');
      await engine.removeAll(owner);
    }
    await assert.rejects(docker.getVolume(libraries).inspect(), { statusCode: 404 });
  });

  it('ends when it was not used for the idle timeout, and reports that reason', async () => {
    const first = startSession(engine, image, {}, { idle: 1 });
    await first.session.started;
    await until('it says that it is gone', () => first.session.state.kind === 'gone', 15_000);
    const { state } = first.session;
    assert.ok(state.kind === 'gone');
    assert.deepEqual(state.failure.params, { reason: 'idle', exitCode: 76 });
  });
});
