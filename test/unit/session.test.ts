import assert from 'node:assert/strict';
import { SandboxError } from '../../src/protocol/errors';
import type { ExecuteReply } from '../../src/protocol/messages';
import { random } from './outputsModel';
import { FakeSandbox } from './sessionFakeSandbox';
import { endSessions, start, until } from './sessionStart';

const code = (reply: ExecuteReply) => reply.failure?.code;
describe('a session', () => {
  afterEach(endSessions);

  it('accepts cells before it is ready, runs them in order and reports each event once', async () => {
    const sandbox = new FakeSandbox();
    sandbox.createDelay = 20;
    const { session, events, states } = start(sandbox);
    const cells = ['a', 'b', 'c'].map((one) => session.execute(one));
    assert.equal(session.state.kind, 'starting');
    const replies = await Promise.all(cells.map((cell) => cell.reply));
    assert.deepEqual(
      replies.map((reply) => reply.status),
      ['ok', 'ok', 'ok'],
    );
    assert.deepEqual(sandbox.ran, ['a', 'b', 'c']);
    assert.deepEqual(
      events.map((event) => event.seq),
      sandbox.log.map((_, i) => i + 1),
    );
    assert.deepEqual(states, ['ready']);
    await session.started;
    const { uid, ...rest } = sandbox.specification ?? assert.fail();
    assert.ok(uid >= 20_000 && uid <= 59_999);
    assert.deepEqual(rest, {
      sandboxId: session.id,
      owner: 'owner',
      notebookHint: '',
      image: 'image',
      memory: 2 ** 30,
      cpus: 2,
      pids: 512,
      logBudget: 64 * 2 ** 20,
      maxOutput: 10 * 2 ** 20,
      historySize: 1000,
      pollInterval: 0.1,
      lease: 60,
      idle: 0,
      libraries: session.libraries,
    });
    assert.match(session.libraries, /^sandboxed-ipython-libraries-[0-9a-f-]{36}$/);
  });

  it('reports the reply to listeners before the cell settles, and survives a listener that throws', async () => {
    const { session, events } = start(new FakeSandbox());
    session.onEvent(() => {
      throw new Error('a bad listener');
    });
    await session.execute('a').reply;
    assert.equal(events.at(-1)?.msg_type, 'execute_reply');
  });

  for (const where of ['up', 'down', 'both'] as const) {
    it(`runs each cell once and loses no event, wherever its streams are cut (${where})`, async function () {
      this.timeout(60_000);
      for (let seed = 1; seed <= 60; seed += 1) {
        const next = random(seed);
        const sandbox = new FakeSandbox();
        let faults = 12;
        sandbox.fault = () => {
          if (faults-- <= 0) {
            return { up: Infinity, down: Infinity };
          }
          return { up: where === 'down' ? Infinity : 150 + next(1200), down: where === 'up' ? Infinity : next(2500) };
        };
        const { session, events } = start(sandbox, {
          stable: 10_000,
          unreachable: 10_000,
          backOff: { first: 1, longest: 2 },
        });
        const codes = Array.from({ length: 12 }, (_, i) => `cell ${i}`);
        const cells = [];
        for (const one of codes) {
          cells.push(session.execute(one));
          if (next(3) === 0) {
            await new Promise((resolve) => setTimeout(resolve, next(4)));
          }
        }
        const replies = await Promise.all(cells.map((cell) => cell.reply));
        assert.deepEqual(
          replies.map((reply) => reply.status),
          codes.map(() => 'ok'),
          `seed ${seed}`,
        );
        assert.deepEqual(sandbox.ran, codes, `seed ${seed}`);
        assert.deepEqual(
          events.map((event) => event.seq),
          sandbox.log.map((_, i) => i + 1),
          `seed ${seed}`,
        );
        await session.dispose();
      }
    });
  }

  it("reports the engine's own failure if it does not start", async () => {
    const sandbox = new FakeSandbox();
    sandbox.createFails = new SandboxError('LimitNotApplied', { limit: 'memory' });
    const { session } = start(sandbox);
    const reply = await session.execute('a').reply;
    assert.deepEqual(
      [reply.status, reply.failure],
      ['error', { code: 'LimitNotApplied', params: { limit: 'memory' } }],
    );
    await assert.rejects(session.started, (error) => error === sandbox.createFails);
    assert.equal(session.state.kind, 'gone');
    assert.equal(code(await session.execute('b').reply), 'LimitNotApplied');
    await assert.rejects(session.reset({ files: 'keep' }), (error) => error === sandbox.createFails);
  });

  it("reports the container's output if no hello comes in time", async () => {
    const sandbox = new FakeSandbox();
    sandbox.deaf = true;
    const { session } = start(sandbox, { start: 60 });
    const { failure } = await session.execute('a').reply;
    assert.deepEqual(failure, { code: 'StartFailed', params: { reason: 'the last words' } });
    await until(() => sandbox.removed.length === 1);
  });

  it("treats plain text before the hello as the engine's error and tries again", async () => {
    const sandbox = new FakeSandbox();
    sandbox.plainText = 'OCI runtime exec failed: too busy';
    sandbox.logs = () => Promise.resolve('');
    const { session } = start(sandbox, { start: 100 });
    const { failure } = await session.execute('a').reply;
    assert.deepEqual(failure, { code: 'StartFailed', params: { reason: 'OCI runtime exec failed: too busy' } });
    assert.ok(sandbox.streams > 2);
  });

  for (const [what, logs] of [
    ['there are no last words', () => Promise.resolve('')],
    ['they are not to be had', () => Promise.reject(new SandboxError('EngineSilent', { request: 'logs' }))],
  ] as const) {
    it(`says that the engine did not answer where it lets nobody in and ${what}`, async () => {
      const sandbox = new FakeSandbox();
      sandbox.away = new SandboxError('EngineSilent', { endpoint: 'fake', request: 'create exec', timeout: 15 });
      sandbox.logs = logs;
      const { session } = start(sandbox, { start: 60 });
      assert.deepEqual((await session.execute('a').reply).failure, {
        code: 'EngineSilent',
        params: sandbox.away.params,
      });
      await assert.rejects(session.started, (error) => error === sandbox.away);
    });
  }

  it('reports why there is no stream while the engine does not tell the state of the container', async () => {
    const sandbox = new FakeSandbox();
    sandbox.plainText = 'OCI runtime exec failed: too busy';
    sandbox.logs = () => Promise.resolve('');
    sandbox.inspect = () => new Promise(() => undefined);
    const { session } = start(sandbox, { start: 60 });
    assert.deepEqual((await session.execute('a').reply).failure, {
      code: 'StartFailed',
      params: { reason: 'OCI runtime exec failed: too busy' },
    });
  });

  for (const [exitCode, reason] of [
    [75, 'lease'],
    [76, 'idle'],
    [77, 'stuck'],
    [143, 'stopped'],
    [1, 'exited'],
  ] as const) {
    it(`reports why its supervisor ended with exit code ${exitCode}: ${reason}`, async () => {
      const sandbox = new FakeSandbox();
      sandbox.run = () => new Promise(() => undefined);
      const { session } = start(sandbox);
      const cell = session.execute('a');
      await until(() => sandbox.ran.length === 1);
      sandbox.state = { running: false, paused: false, exitCode };
      sandbox.life('die', exitCode);
      assert.deepEqual((await cell.reply).failure, { code: 'SandboxGone', params: { reason, exitCode } });
    });
  }

  it('ends as gone within two seconds when its container dies, together with its open cells and requests', async () => {
    const sandbox = new FakeSandbox();
    sandbox.run = () => new Promise(() => undefined);
    const { session, states } = start(sandbox);
    const cells = [session.execute('a'), session.execute('b')];
    await until(() => sandbox.ran.length === 1);
    const answer = session.answer('r1', 'x').catch((error: SandboxError) => error.code);
    sandbox.state = { running: false, paused: false, exitCode: 137 };
    sandbox.life('die', 137);
    for (const cell of cells) {
      assert.deepEqual((await cell.reply).failure, {
        code: 'SandboxGone',
        params: { reason: 'exited', exitCode: 137 },
      });
    }
    assert.ok(['SandboxGone', undefined].includes((await answer) as string | undefined));
    assert.deepEqual(states, ['ready', 'gone']);
    await until(() => sandbox.removed.length === 1);
  });

  it('names the memory limit if it caused the end of the container', async () => {
    const sandbox = new FakeSandbox();
    sandbox.run = () => new Promise(() => undefined);
    const { session } = start(sandbox);
    const cell = session.execute('a');
    await until(() => sandbox.ran.length === 1);
    sandbox.life('oom');
    sandbox.life('die', 137);
    assert.deepEqual((await cell.reply).failure, { code: 'OutOfMemory', params: { limit: 2 ** 30 } });
  });

  it("notices a container's end without an event, by an inspection when the stream ends", async () => {
    const sandbox = new FakeSandbox();
    sandbox.run = () => new Promise(() => undefined);
    const { session } = start(sandbox);
    const cell = session.execute('a');
    await until(() => sandbox.ran.length === 1);
    sandbox.state = null;
    sandbox.cut();
    assert.deepEqual((await cell.reply).failure, { code: 'SandboxGone', params: { reason: 'removed' } });
  });

  it('does not end a cell because of a lost stream or an unavailable engine, but shows the state and continues', async () => {
    const sandbox = new FakeSandbox();
    let finish: () => void = () => undefined;
    sandbox.run = async () => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return {};
    };
    const { session, states } = start(sandbox);
    const cell = session.execute('a');
    await until(() => sandbox.ran.length === 1);
    sandbox.away = new SandboxError('EngineNotFound');
    sandbox.cut();
    await until(() => session.state.kind === 'unreachable');
    assert.equal(session.state.kind === 'unreachable' && session.state.failure.code, 'EngineNotFound');
    finish();
    sandbox.away = undefined;
    assert.equal((await cell.reply).status, 'ok');
    assert.deepEqual(states, ['ready', 'unreachable', 'ready']);
    assert.equal(sandbox.ran.length, 1);
  });

  it('opens a silent stream again while a cell runs, but not while it waits for nothing', async () => {
    const sandbox = new FakeSandbox();
    let finish: () => void = () => undefined;
    sandbox.run = async () => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return {};
    };
    const { session } = start(sandbox);
    await session.started;
    sandbox.deaf = true;
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(sandbox.streams, 1);
    sandbox.deaf = false;
    const cell = session.execute('a');
    await until(() => sandbox.ran.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.equal(sandbox.streams, 1, 'pongs keep it');
    sandbox.deaf = true;
    await until(() => sandbox.streams > 1);
    sandbox.deaf = false;
    finish();
    assert.equal((await cell.reply).status, 'ok');
  });

  it('tells the running cell once why it waits, and when the wait is over', async () => {
    const sandbox = new FakeSandbox();
    let finish: () => void = () => undefined;
    sandbox.run = async () => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return {};
    };
    const { session, events } = start(sandbox);
    const told = () =>
      events.flatMap((event) =>
        event.msg_type === 'notice'
          ? [
              `${event.parent_header.msg_id === cell.msgId} ${event.content.code} ${event.content.params['cause']}${'seconds' in event.content.params ? ' over' : ''}`,
            ]
          : [],
      );
    const cell = session.execute('a');
    await until(() => sandbox.ran.length === 1);
    sandbox.away = new SandboxError('EngineNotFound');
    sandbox.cut();
    await until(() => told().length === 1);
    const behind = session.execute('b');
    sandbox.away = new SandboxError('EngineSilent');
    await until(() => told().length === 2);
    sandbox.away = undefined;
    await until(() => told().length === 3);
    finish();
    await cell.reply;
    await until(() => sandbox.ran.length === 2);
    finish();
    await behind.reply;
    assert.deepEqual(told(), [
      'true OutOfReach EngineNotFound',
      'true OutOfReach EngineSilent',
      'true OutOfReach EngineSilent over',
    ]);
  });

  it('tells the running cell that the engine is busy while its stream is being opened again', async () => {
    const sandbox = new FakeSandbox();
    let finish: () => void = () => undefined;
    sandbox.run = async () => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return {};
    };
    const { session, events } = start(sandbox);
    const told = () =>
      events.flatMap((event) =>
        event.msg_type === 'notice'
          ? [
              `${event.content.code} ${event.content.params['cause']}${'seconds' in event.content.params ? ' over' : ''}`,
            ]
          : [],
      );
    const cell = session.execute('a');
    await until(() => sandbox.ran.length === 1);
    const open = sandbox.openStream.bind(sandbox);
    let answer: () => void = () => undefined;
    sandbox.openStream = async (...asked) => {
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return open(...asked);
    };
    sandbox.cut();
    sandbox.becomeBusy(true);
    await until(() => told().length === 1);
    sandbox.becomeBusy(false);
    sandbox.openStream = open;
    answer();
    await until(() => told().length === 2);
    finish();
    await cell.reply;
    assert.deepEqual(told(), ['OutOfReach EngineBusy', 'OutOfReach EngineBusy over']);
  });

  it('waits for the start of a sandbox while the engine is busy, but not forever', async () => {
    for (const [busyStart, code] of [
      [60_000, undefined],
      [150, 'EngineBusy'],
    ] as const) {
      const sandbox = new FakeSandbox();
      const open = sandbox.openStream.bind(sandbox);
      sandbox.logs = () => Promise.resolve('');
      sandbox.openStream = async (...asked) => {
        await new Promise((resolve) => {
          setTimeout(resolve, 400);
        });
        return open(...asked);
      };
      const { session } = start(sandbox, { start: 100, busyStart });
      await until(() => sandbox.specification !== undefined);
      await new Promise((resolve) => {
        setTimeout(resolve, 10);
      });
      sandbox.becomeBusy(true);
      const failure = await session.started.then(
        () => undefined,
        (error: unknown) => error,
      );
      assert.equal((failure as SandboxError | undefined)?.code, code);
    }
  });

  it('tells a cell that is sent while the sandbox is unreachable, and tells nothing while no cell runs', async () => {
    const sandbox = new FakeSandbox();
    const { session, events } = start(sandbox);
    await session.started;
    sandbox.away = new SandboxError('EngineNotFound');
    sandbox.cut();
    await until(() => session.state.kind === 'unreachable');
    assert.equal(
      events.some((event) => event.msg_type === 'notice'),
      false,
    );
    const cell = session.execute('a');
    await until(() => events.some((event) => event.msg_type === 'notice' && event.parent_header.msg_id === cell.msgId));
    sandbox.away = undefined;
    assert.equal((await cell.reply).status, 'ok');
  });

  it('reports an engine that is slow to tell why a stream was lost', async () => {
    const sandbox = new FakeSandbox();
    sandbox.run = () => new Promise(() => undefined);
    const { session } = start(sandbox);
    session.execute('a');
    await until(() => sandbox.ran.length === 1);
    sandbox.inspect = () => new Promise(() => undefined);
    sandbox.cut();
    await until(() => session.state.kind === 'unreachable');
  });

  it('reports a silent sandbox before its stream counts as cut', async () => {
    const sandbox = new FakeSandbox();
    sandbox.run = () => new Promise(() => undefined);
    const { session } = start(sandbox, { ping: 50 });
    session.execute('a');
    await until(() => sandbox.ran.length === 1);
    sandbox.deaf = true;
    await until(() => session.state.kind === 'unreachable');
    assert.deepEqual(
      [session.state.kind === 'unreachable' && session.state.failure.code, sandbox.streams],
      ['SandboxSilent', 1],
    );
    sandbox.deaf = false;
    await until(() => session.state.kind === 'ready');
  });

  it('is disposed of in time although its container cannot be removed, and the removal is tried again', async () => {
    const sandbox = new FakeSandbox();
    const { session } = start(sandbox, { dispose: 50 });
    await session.started;
    let asked = 0;
    let remove: () => void = () => undefined;
    sandbox.remove = () =>
      new Promise((resolve) => {
        asked += 1;
        remove = resolve;
      });
    await session.dispose();
    assert.equal(asked, 1);
    assert.deepEqual(sandbox.removedLibraries, []);
    remove();
    await until(() => sandbox.removedLibraries.length === 1);
  });

  it('shows a paused container at once and keeps its stream', async () => {
    const sandbox = new FakeSandbox();
    let finish: () => void = () => undefined;
    sandbox.run = async () => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return {};
    };
    const { session, states } = start(sandbox);
    const cell = session.execute('a');
    await until(() => sandbox.ran.length === 1);
    sandbox.deaf = true;
    sandbox.life('pause');
    assert.equal(session.state.kind === 'unreachable' && session.state.failure.code, 'SandboxPaused');
    await new Promise((resolve) => setTimeout(resolve, 100));
    sandbox.deaf = false;
    sandbox.life('unpause');
    finish();
    assert.equal((await cell.reply).status, 'ok');
    assert.deepEqual([states, sandbox.streams], [['ready', 'unreachable', 'ready'], 1]);
  });

  it('does not trust another supervisor: everything that was open is gone', async () => {
    const sandbox = new FakeSandbox();
    sandbox.run = () => new Promise(() => undefined);
    const { session } = start(sandbox);
    const cell = session.execute('a');
    await until(() => sandbox.ran.length === 1);
    sandbox.boot = 'boot2';
    sandbox.cut();
    assert.deepEqual((await cell.reply).failure, { code: 'SandboxGone', params: { reason: 'restarted' } });
  });

  it('keeps events of an older kernel from a cell of a newer one', async () => {
    const sandbox = new FakeSandbox();
    const { session, events } = start(sandbox);
    await session.reset({ files: 'keep' });
    const cell = session.execute('a');
    await cell.reply;
    sandbox.emit('stream', { name: 'stdout', text: 'a late one' }, cell.msgId, { gen: 1 });
    sandbox.emit('stream', { name: 'stdout', text: 'a thread of it' }, cell.msgId, { gen: 2 });
    await until(() => events.at(-1)?.msg_type === 'stream');
    assert.equal(
      events.filter((event) => event.msg_type === 'stream' && event.content.text === 'a late one').length,
      0,
    );
  });

  it('continues after unreadable lines, and tells the cell that lost output once', async () => {
    const sandbox = new FakeSandbox();
    const { session, events } = start(sandbox);
    sandbox.run = async (request) => {
      await Promise.resolve();
      const msgId = request.header.msg_id;
      sandbox.raw('no JSON\n{"seq":\n[]\n' + 'x'.repeat(2 ** 21) + '\n');
      for (const text of [1, 2]) {
        sandbox.emit('stream', { name: 'stdout', text: text as unknown as string }, msgId);
      }
      sandbox.emit('stream', { name: 'stdout', text: 'fine' }, msgId);
      sandbox.emit('stream', { name: 'stdout', text: 'forged' }, msgId, { seq: 2 ** 50 });
      return {};
    };
    assert.equal((await session.execute('a').reply).status, 'ok');
    assert.equal((await session.execute('b').reply).status, 'ok');
    assert.deepEqual(
      events.filter((event) => event.msg_type === 'notice').map((event) => event.content),
      [
        { code: 'ProtocolViolation', params: { problem: 'output', reason: 'text' } },
        { code: 'ProtocolViolation', params: { problem: 'output', reason: 'text' } },
      ],
      'one for each of the two cells',
    );
    assert.equal(events.filter((event) => event.msg_type === 'stream' && event.content.text === 'forged').length, 0);
  });

  it('ends a cell whose reply could not be read once the kernel is idle again', async () => {
    const sandbox = new FakeSandbox();
    const { session } = start(sandbox);
    sandbox.run = (request) => {
      sandbox.emit('execute_reply', { status: 'weird' } as never, request.header.msg_id);
      sandbox.emit('status', { execution_state: 'idle' }, request.header.msg_id);
      return new Promise(() => undefined);
    };
    assert.equal(code(await session.execute('a').reply), 'ProtocolViolation');
  });

  it('sends cells again whose reply may be in a gap of the log', async () => {
    const sandbox = new FakeSandbox();
    let finish: () => void = () => undefined;
    sandbox.run = async () => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return {};
    };
    const { session, events } = start(sandbox);
    const cell = session.execute('a');
    await until(() => sandbox.ran.length === 1);
    sandbox.away = new SandboxError('EngineSilent');
    sandbox.cut();
    finish();
    await until(() => (sandbox.log.at(-1) ?? '').includes('execute_reply'));
    const to = sandbox.log.length;
    for (let i = 0; i < to; i += 1) {
      sandbox.log[i] = '';
    }
    sandbox.log[to - 1] = JSON.stringify({
      seq: to,
      kernel: 'main',
      gen: 1,
      t: 1,
      channel: 'control',
      msg_type: 'gap',
      parent_header: { msg_id: '' },
      content: { from: 1, to, bytes: 5 },
      metadata: {},
      buffers: [],
    });
    sandbox.away = undefined;
    assert.equal((await cell.reply).status, 'ok');
    assert.equal(sandbox.ran.length, 1);
    assert.equal(events.filter((event) => event.msg_type === 'gap').length, 1);
  });

  it('does not hang if a cell has removed lines from the log, even the last one: pongs are no progress, and it sends the cell again', async () => {
    const sandbox = new FakeSandbox();
    let finish: () => void = () => undefined;
    sandbox.run = async () => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      return {};
    };
    const { session } = start(sandbox);
    const cell = session.execute('a');
    await until(() => sandbox.ran.length === 1);
    sandbox.away = new SandboxError('EngineSilent');
    sandbox.cut();
    finish();
    await until(() => (sandbox.log.at(-1) ?? '').includes('execute_reply'));
    sandbox.log[sandbox.log.length - 1] = '';
    sandbox.away = undefined;
    assert.equal((await cell.reply).status, 'ok');
    assert.equal(session.state.kind, 'ready');
    assert.equal(sandbox.ran.length, 1);
  });

  it('aborts unsent cells without a request to the sandbox, together with the rest of their run', async () => {
    const sandbox = new FakeSandbox();
    sandbox.createDelay = 50;
    const { session } = start(sandbox);
    const [a, b] = [1, 2].map((i) => session.execute(`a${i}`, { metadata: { runId: 'r' } })) as [
      ReturnType<typeof session.execute>,
      ReturnType<typeof session.execute>,
    ];
    const other = session.execute('other');
    await session.interrupt(a.msgId);
    assert.deepEqual(
      [await a.reply, await b.reply].map((reply) => [reply.status, reply.failure?.params['reason']]),
      [
        ['aborted', 'interrupt'],
        ['aborted', 'interrupt'],
      ],
    );
    assert.equal((await other.reply).status, 'ok');
    assert.deepEqual(sandbox.ran, ['other']);
    await session.interrupt(a.msgId); // the cell has ended, so this does nothing
  });

  it('aborts only one cell if that is requested', async () => {
    const sandbox = new FakeSandbox();
    sandbox.createDelay = 50;
    const { session } = start(sandbox);
    const [a, b] = [1, 2].map((i) => session.execute(`a${i}`, { metadata: { runId: 'r' } })) as [
      ReturnType<typeof session.execute>,
      ReturnType<typeof session.execute>,
    ];
    await session.interrupt(a.msgId, { run: false });
    assert.deepEqual([(await a.reply).status, (await b.reply).status], ['aborted', 'ok']);
    assert.deepEqual(sandbox.ran, ['a2']);
  });

  it('gives up on an interrupt and a reset at their deadlines, with a SandboxError', async () => {
    const sandbox = new FakeSandbox();
    sandbox.run = () => new Promise(() => undefined);
    const { session } = start(sandbox, { interrupt: 40, reset: 40 });
    const cell = session.execute('a');
    await until(() => sandbox.ran.length === 1);
    sandbox.deaf = true;
    await assert.rejects(
      session.interrupt(cell.msgId),
      (error: SandboxError) => error.code === 'SandboxSilent' && error.params['operation'] === 'interrupt',
    );
    await assert.rejects(
      session.reset({ files: 'keep' }),
      (error: SandboxError) => error.code === 'SandboxSilent' && error.params['operation'] === 'reset',
    );
  });

  it('gives completions when the kernel is idle, else null', async () => {
    const sandbox = new FakeSandbox();
    const { session } = start(sandbox);
    assert.equal(await session.complete('pri', 3), null, 'not ready yet');
    await session.started;
    assert.deepEqual(await session.complete('pri', 3), { matches: [{ text: 'print', type: '' }], start: 0, end: 3 });
    assert.equal(await session.complete('pri', 3, AbortSignal.abort()), null);
    sandbox.deaf = true;
    assert.equal(await session.complete('pri', 3), null);
  });

  it('answers a query with the whole message, and rejects without an answer', async () => {
    const silent = (error: unknown): boolean =>
      error instanceof SandboxError && error.code === 'SandboxSilent' && error.params['operation'] === 'query';
    const sandbox = new FakeSandbox();
    const { session } = start(sandbox);
    const ask = (options?: { deadline?: number; signal?: AbortSignal }) =>
      session.query('complete_request', { code: 'pri', cursor_pos: 3 }, options);
    await assert.rejects(ask(), silent, 'not ready yet');
    await session.started;
    const { seq, kernel, content } = await ask();
    assert.deepEqual([seq, kernel, content.matches], [0, 'main', ['print']]);
    await assert.rejects(ask({ signal: AbortSignal.abort() }), { code: 'Cancelled' });
    sandbox.deaf = true;
    await assert.rejects(ask({ deadline: 5 }), silent);
    const waiting = assert.rejects(ask({ deadline: 60_000 }), silent);
    sandbox.cut();
    await waiting;
  });

  it('rejects a query that is answered with another type', async () => {
    const sandbox = new FakeSandbox();
    const { session } = start(sandbox);
    await session.started;
    await assert.rejects(session.query('inspect_request', { code: 'a', cursor_pos: 1, detail_level: 0 }), {
      code: 'ProtocolViolation',
    });
  });

  it('settles a cell that the sandbox refuses', async () => {
    const sandbox = new FakeSandbox();
    const { session } = start(sandbox);
    await session.started;
    sandbox.run = (request) => {
      sandbox.emit(
        'refused',
        { code: 'ProtocolViolation', params: { reason: 'no such kernel' } },
        request.header.msg_id,
        { seq: 0 },
      );
      return new Promise(() => undefined);
    };
    assert.deepEqual((await session.execute('a').reply).failure, {
      code: 'ProtocolViolation',
      params: { reason: 'no such kernel' },
    });
  });

  it('can be disposed of at any moment and twice: its container is removed and nothing stays open', async () => {
    for (const moment of [0, 1, 5, 20, 40]) {
      const sandbox = new FakeSandbox();
      sandbox.createDelay = 15;
      sandbox.run = () => new Promise(() => undefined);
      const { session, states } = start(sandbox);
      const cell = session.execute('a');
      await new Promise((resolve) => setTimeout(resolve, moment));
      await Promise.all([session.dispose(), session.dispose()]);
      await session.dispose();
      assert.equal((await cell.reply).status, 'aborted');
      assert.equal(states.at(-1), 'disposed');
      assert.equal(sandbox.removed.length, moment < 15 && sandbox.streams === 0 ? sandbox.removed.length : 1);
      assert.equal(sandbox.listeners, 0);
      assert.equal((await session.execute('b').reply).status, 'aborted');
    }
  });

  it('that is detached while its container is being created opens no stream to it later', async () => {
    const sandbox = new FakeSandbox();
    sandbox.createDelay = 20;
    const { session, states } = start(sandbox);
    await session.detach();
    await new Promise((resolve) => setTimeout(resolve, 80));
    assert.deepEqual([sandbox.streams, states, session.state.kind], [0, ['disposed'], 'disposed']);
  });

  it('tries the removal again and never rejects because of it', async () => {
    const sandbox = new FakeSandbox();
    const { session } = start(sandbox);
    await session.started;
    let tries = 0;
    sandbox.remove = () => {
      tries += 1;
      return tries < 2 ? Promise.reject(new SandboxError('EngineSilent')) : Promise.resolve();
    };
    await session.dispose();
    assert.equal(tries, 2);
  });

  it('is cancelled by its signal until it has started', async () => {
    const sandbox = new FakeSandbox();
    sandbox.createDelay = 20;
    const cancel = new AbortController();
    const { session } = start(sandbox, {}, cancel.signal);
    const cell = session.execute('a');
    cancel.abort();
    assert.equal(code(await cell.reply), 'Cancelled');
    const late = new AbortController();
    const second = start(new FakeSandbox(), {}, late.signal);
    await second.session.started;
    late.abort();
    assert.equal((await second.session.execute('a').reply).status, 'ok');
  });
});
