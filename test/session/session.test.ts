import assert from 'node:assert/strict';
import Docker from 'dockerode';
import type { Engine } from '../../src/engine/engine';
import { killRelays } from './engineTools';
import { connect, derivedImage, endSessions, startSession, type TestSession } from './support/sandboxes';

describe('a session with a real sandbox', () => {
  let engine: Engine;
  let image: string;
  let sandbox: TestSession;

  before(async function () {
    this.timeout(240_000);
    engine = await connect();
    image = await derivedImage(engine);
    sandbox = startSession(engine, image);
    await sandbox.session.started;
  });
  after(async () => {
    await endSessions();
    engine.dispose();
  });
  beforeEach(async () => {
    if (['gone', 'disposed'].includes(sandbox.session.state.kind)) {
      sandbox = startSession(engine, image);
    }
    await sandbox.session.reset({ files: 'clear' });
  });

  it('keeps state from cell to cell and counts as IPython does', async () => {
    await sandbox.run('x = 10; y = 20; x * y');
    const cell = await sandbox.run('x + 10');
    assert.deepEqual([cell.result, cell.reply.status, cell.reply.execution_count], ['20', 'ok', 2]);
    assert.equal((await sandbox.run('In[1], len(Out)')).result, "('x = 10; y = 20; x * y', 2)");
  });

  it('runs cells in the order in which they were sent', async () => {
    await sandbox.run('order = []');
    const cells = Array.from({ length: 50 }, (_, i) => sandbox.run(`order.append(${i})`));
    await Promise.all(cells);
    assert.equal((await sandbox.run('order == list(range(50))')).result, 'True');
  });

  it('streams stdout, stderr and displays in order while a cell runs', async () => {
    const { msgId, reply } = sandbox.session.execute(
      'import sys, time\nfrom IPython.display import display\nprint("a"); print("b", file=sys.stderr); display(1); print("c")\ntime.sleep(1.5)',
    );
    const begun = performance.now();
    await sandbox.printed(msgId, 'c');
    assert.ok(performance.now() - begun < 1_200, 'before the cell ended');
    const cell = sandbox.gathered(msgId, await reply);
    assert.deepEqual([cell.text(), cell.text('stderr'), cell.of('display_data').length], ['a\nc\n', 'b\n', 1]);
  });

  it('gives a failing cell its traceback and keeps earlier state', async () => {
    await sandbox.run('x = 1');
    const cell = await sandbox.run('x / 0');
    assert.deepEqual(
      [cell.reply.status, cell.reply.ename, cell.reply.failure],
      ['error', 'ZeroDivisionError', undefined],
    );
    assert.match(cell.reply.traceback.join('\n'), /ZeroDivisionError/);
    assert.equal(cell.of('error').length, 1);
    assert.equal((await sandbox.run('x')).result, '1');
  });

  it('aborts the rest of the run after an error, and no other run', async () => {
    const one = { metadata: { runId: 'one' } };
    const cells = await Promise.all([
      sandbox.run('import time; time.sleep(0.3); 1/0', one),
      sandbox.run('a = 1', one),
      sandbox.run('b = 1', { metadata: { runId: 'two' } }),
      sandbox.run('c = 1', one),
    ]);
    assert.deepEqual(
      cells.map((cell) => cell.reply.status),
      ['error', 'aborted', 'ok', 'aborted'],
    );
    assert.deepEqual(cells[1].reply.failure, { code: 'Aborted', params: { reason: 'error' } });
    assert.equal((await sandbox.run('sorted({"a", "b", "c"} & set(globals()))')).result, "['b']");
  });

  it('continues the run after an error that was expected', async () => {
    const cells = await Promise.all([
      sandbox.run('1/0', { stopOnError: false, metadata: { runId: 'r' } }),
      sandbox.run('5', { metadata: { runId: 'r' } }),
    ]);
    assert.deepEqual(
      cells.map((cell) => cell.reply.status),
      ['error', 'ok'],
    );
  });

  for (const [what, code] of [
    ['a loop', 'print("go")\nwhile True: pass'],
    ['a sleep', 'import time; print("go"); time.sleep(100)'],
    ['an await', 'import asyncio; print("go"); await asyncio.sleep(100)'],
    ['a child process', 'print("go")\n!sleep 100'],
  ] as const) {
    it(`interrupts ${what} and keeps the state`, async () => {
      await sandbox.run('kept = 1');
      const { msgId, reply } = sandbox.session.execute(code, { metadata: { runId: 'r' } });
      const next = sandbox.session.execute('2', { metadata: { runId: 'r' } });
      await sandbox.printed(msgId, 'go');
      await sandbox.session.interrupt(msgId);
      const ended = await reply;
      // As with ipykernel, an interrupt ends the program and not the cell once the program has started.
      const isProgram = what === 'a child process' && sandbox.gathered(msgId, ended).text().includes('^C');
      assert.deepEqual([ended.status, ended.ename], isProgram ? ['ok', ''] : ['error', 'KeyboardInterrupt']);
      assert.equal((await next.reply).status, 'aborted');
      assert.equal((await sandbox.run('kept')).result, '1');
    });
  }

  it('kills the kernel with the third press if a cell swallows interrupts', async () => {
    const { msgId, reply } = sandbox.session.execute(
      'while True:\n  try:\n    print("go")\n    while True: sum(range(1000))\n  except BaseException: print("no")',
    );
    await sandbox.printed(msgId, 'go');
    await sandbox.session.interrupt(msgId);
    await sandbox.printed(msgId, 'no');
    await sandbox.session.interrupt(msgId);
    await sandbox.session.interrupt(msgId);
    assert.deepEqual((await reply).failure, { code: 'Interrupted', params: { killed: true } });
    assert.equal((await sandbox.run('1')).result, '1');
  });

  it('affects no other cell if an interrupt comes late', async () => {
    const over = await sandbox.run('1');
    const { msgId, reply } = sandbox.session.execute('import time; time.sleep(0.5); "done"');
    await sandbox.session.interrupt(over.msgId);
    assert.equal(sandbox.gathered(msgId, await reply).result, "'done'");
  });

  it('answers prompts, including password prompts', async () => {
    for (const [code, password] of [
      ['name = input("Name? ")', false],
      ['import getpass; name = getpass.getpass("Word? ")', true],
    ] as const) {
      const { msgId, reply } = sandbox.session.execute(code);
      const asked = await sandbox.event(
        (event) => event.msg_type === 'input_request' && event.parent_header.msg_id === msgId,
      );
      assert.ok(asked.msg_type === 'input_request' && asked.content.password === password);
      await sandbox.session.answer(asked.content.request, 'Ada ü');
      assert.equal((await reply).status, 'ok');
      assert.equal((await sandbox.run('name')).result, "'Ada ü'");
    }
    const refused = await sandbox.run('input()', { allowStdin: false });
    assert.equal(refused.reply.ename, 'StdinNotImplementedError');
  });

  it('ends running and queued cells at a reset, deletes variables, starts the count at 1, and keeps files unless they are to be cleared', async () => {
    await sandbox.run('x = 1; open("/sandbox/kept", "w").write("1"); open("/tmp/kept", "w").write("1")');
    const running = sandbox.session.execute('print("go")\nwhile True: pass');
    const queued = sandbox.session.execute('2');
    await sandbox.printed(running.msgId, 'go');
    await sandbox.session.reset({ files: 'keep' });
    for (const { reply } of [running, queued]) {
      assert.deepEqual(
        [(await reply).status, (await reply).failure],
        ['aborted', { code: 'Aborted', params: { reason: 'reset' } }],
      );
    }
    const cell = await sandbox.run('x');
    assert.deepEqual([cell.reply.ename, cell.reply.execution_count], ['NameError', 1]);
    const files = 'import os; [os.path.exists(f) for f in ("/sandbox/kept", "/tmp/kept")]';
    assert.equal((await sandbox.run(files)).result, '[True, True]');
    await sandbox.session.reset({ files: 'clear' });
    assert.equal((await sandbox.run(files)).result, '[False, False]');
  });

  it('interrupts a cell over its time limit, and kills the kernel if the cell does not end', async () => {
    await sandbox.run('kept = 1');
    const yielding = await sandbox.run('import time; time.sleep(60)', { timeout: 1 });
    assert.deepEqual(yielding.reply.failure, { code: 'TimedOut', params: { timeout: 1, killed: false } });
    assert.equal((await sandbox.run('kept')).result, '1');
    const started = performance.now();
    const stubborn = await sandbox.run(
      'while True:\n  try:\n    while True: sum(range(1000))\n  except BaseException: pass',
      { timeout: 1 },
    );
    assert.deepEqual(stubborn.reply.failure, { code: 'TimedOut', params: { timeout: 1, killed: true } });
    assert.ok(performance.now() - started < 12_000);
    assert.equal((await sandbox.run('"kept" in globals()')).result, 'False');
  });

  it('reports why a kernel died in the running cell, and gives the next cell a fresh kernel', async () => {
    const [crash, queued] = await Promise.all([
      sandbox.run('import os, signal, time; time.sleep(0.3); os.kill(os.getpid(), signal.SIGSEGV)', {
        metadata: { runId: 'r' },
      }),
      sandbox.run('1', { metadata: { runId: 'r' } }),
    ]);
    assert.deepEqual(crash.reply.failure, { code: 'KernelDied', params: { signal: 'SIGSEGV', exitcode: 139 } });
    assert.deepEqual(queued.reply.failure, { code: 'Aborted', params: { reason: 'died' } });
    assert.equal((await sandbox.run('1')).reply.execution_count, 1);
  });

  it('completes names while the kernel is idle, and answers null while it is busy', async () => {
    await sandbox.run('a_long_name = 1');
    // On a slow machine, jedi takes too long to read its sources, and the first answer has only the live names, without
    // types.
    let found: string | undefined;
    for (let asked = 0; asked < 5 && found !== 'instance'; asked += 1) {
      found = (await sandbox.session.complete('a_long', 6))?.matches.find(({ text }) => text === 'a_long_name')?.type;
    }
    assert.equal(found, 'instance');
    const inspected = await sandbox.session.inspect('print(', 3);
    assert.match(JSON.stringify(inspected?.['text/plain']), /Prints? the values/);
    assert.equal(await sandbox.session.inspect('no_such_name', 3), null);
    const { msgId, reply } = sandbox.session.execute('import time; print("go"); time.sleep(1)');
    await sandbox.printed(msgId, 'go');
    assert.equal(await sandbox.session.complete('a_long', 6), null);
    await reply;
  });

  it('delivers 5 MB of HTML in one piece and 100,000 lines in order', async () => {
    const html = await sandbox.run('from IPython.display import HTML\nHTML("<b>ü</b>" * 625_000)', { timeout: 60 });
    assert.ok(
      html.of('execute_result')[0]?.data['text/html'] === '<b>ü</b>'.repeat(625_000),
      JSON.stringify(html.of('notice')),
    );
    const lines = await sandbox.run('for i in range(100_000): print(i)');
    assert.ok(lines.text() === Array.from({ length: 100_000 }, (_, i) => `${i}\n`).join(''), 'all lines in order');
  });

  it('limits the output of a cell: a line of 200 MB takes little memory of the host, and the user is told', async () => {
    const before = process.memoryUsage().rss;
    const cell = await sandbox.run('for _ in range(200): print("x" * 2**20, end="")\nprint()');
    assert.equal(cell.reply.status, 'ok');
    const notice = cell.of('notice').at(-1);
    assert.equal(notice?.code, 'OutputDropped');
    assert.ok(cell.text().length <= 10 * 2 ** 20);
    assert.ok(Number(notice.params['bytes']) >= 189 * 2 ** 20, String(notice.params['bytes']));
    assert.ok(
      process.memoryUsage().rss - before < 200 * 2 ** 20,
      `${(process.memoryUsage().rss - before) / 2 ** 20} MB more`,
    );
  });

  it('reconnects when the relay is killed, and misses nothing', async () => {
    const { msgId, reply } = sandbox.session.execute('import time\nfor i in range(60): print(i); time.sleep(0.05)');
    await sandbox.printed(msgId, '0');
    await killRelays(sandbox.session.id);
    const cell = sandbox.gathered(msgId, await reply);
    assert.equal(cell.text(), Array.from({ length: 60 }, (_, i) => `${i}\n`).join(''));
  });

  it('has a relay that no cell can end, stop, trace or inspect', async () => {
    const cell = await sandbox.run(`
import ctypes, os, signal
libc = ctypes.CDLL(None, use_errno=True)
relays = [int(p) for p in os.listdir("/proc") if p.isdigit() and b"/relay.py" in open(f"/proc/{p}/cmdline", "rb").read()]
def attempt(action):
    try: action(); return "done"
    except PermissionError: return "denied"
status = dict(line.split(":", 1) for line in open(f"/proc/{relays[0]}/status"))
print(len(relays) > 0, status["Uid"].split(), {status[name].strip() for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}, status["NoNewPrivs"].strip())
for pid in relays:
    print(*[attempt(lambda: os.kill(pid, number)) for number in (signal.SIGKILL, signal.SIGSTOP)], attempt(lambda: os.listdir(f"/proc/{pid}/fd")), libc.ptrace(0x4206, pid, None, None))`);
    const [who = '', ...attempts] = cell.text().trim().split('\n');
    assert.equal(who, "True ['0', '0', '0', '0'] {'0000000000000000'} 1");
    assert.deepEqual(new Set(attempts), new Set(['denied denied denied -1']));
  });

  it('runs a command that a process drops into the queue, and writes its result there', async () => {
    const cell = await sandbox.run(`
import json, os, time
q = "/sandbox/.interactive"
with open(q + "/commands/.mine", "w") as f: json.dump({"header": {"msg_id": "dropped-1", "msg_type": "execute_request"}, "content": {"code": "from_the_queue = 7"}}, f)
os.rename(q + "/commands/.mine", q + "/commands/mine.json")`);
    assert.equal(cell.reply.status, 'ok');
    await sandbox.event((event) => event.msg_type === 'execute_reply' && event.parent_header.msg_id === 'dropped-1');
    const seen = await sandbox.run('import glob; from_the_queue, len(glob.glob(q + "/results/*-dropped-1.json"))');
    assert.equal(seen.result, '(7, 1)');
  });

  it('skips garbage in the queue and in the log, and loses no later cell', async () => {
    const garbage = await sandbox.run(`
import glob, os
q = "/sandbox/.interactive"
for name, text in {"half": '{"header": {"msg', "array": "[1]", "empty": "", "deep": "[" * 200_000, "type": '{"header": {"msg_type": "format_disk", "msg_id": "g1"}}', "binary": "\\x00\\xff"}.items():
    with open(f"{q}/commands/{name}.json", "w") as f: f.write(text)
os.mkfifo(q + "/commands/fifo.json"); os.symlink("/etc/passwd", q + "/commands/link.json"); os.mkdir(q + "/commands/folder.json")
for log in glob.glob(q + "/events/*.jsonl"):
    with open(log, "r+b") as f: f.write(b"\\xff garbage {{{ no newline" * 50)
    with open(log, "ab") as f: f.write(b"more garbage\\n{\\n")
"done"`);
    assert.equal(garbage.result, "'done'");
    for (const next of [1, 2, 3]) {
      assert.equal((await sandbox.run(String(next))).result, String(next));
    }
    const refused = await sandbox.run(`import json
sorted(name for name in ("half", "array", "empty", "deep", "g1", "binary") for file in glob.glob(f"{q}/results/*-{name}.json") if json.load(open(file))["content"]["code"] == "ProtocolViolation")`);
    assert.equal(
      refused.result,
      "['array', 'binary', 'deep', 'empty', 'g1', 'half']",
      'whoever dropped a file reads what is wrong with it where its result would be',
    );
    await sandbox.run(
      `import shutil; shutil.rmtree("/sandbox/.interactive/commands", ignore_errors=True); shutil.rmtree("/sandbox/.interactive/results", ignore_errors=True)`,
    );
    assert.equal((await sandbox.run('4')).result, '4');
  });

  it('continues with a full /sandbox and a full queue', async () => {
    for (const folder of ['/sandbox', '/sandbox/.interactive', '/tmp']) {
      const full = await sandbox.run(`
import errno
f = open("${folder}/fill", "wb", buffering=0)
try:
    while True: f.write(bytes(2**20))
except OSError as e: print(errno.errorcode[e.errno])
f.close()`);
      assert.equal(full.text(), 'ENOSPC\n', `${folder}: ${JSON.stringify(full.reply)}`);
      const next = await sandbox.run('print("x" * 1000); 1 + 1');
      assert.deepEqual([next.text().length, next.result], [1001, '2'], folder);
      await sandbox.run(`import os; os.path.exists("${folder}/fill") and os.remove("${folder}/fill")`);
    }
  });

  it('is isolated from a second session: it has its own state and its own uid', async () => {
    const other = startSession(engine, image);
    await sandbox.run('mine = 1');
    assert.equal((await other.run('mine')).reply.ename, 'NameError');
    const [a, b] = [
      (await sandbox.run('import os; os.getuid()')).result,
      (await other.run('import os; os.getuid()')).result,
    ];
    assert.notEqual(a, b);
    await other.session.dispose();
    assert.equal((await sandbox.run('mine')).result, '1');
  });

  describe('and its container', () => {
    const docker = new Docker();
    const containerOf = async ({ session }: TestSession) => {
      const [found] = await docker.listContainers({ all: true, filters: { name: [session.id] } });
      return found ? docker.getContainer(found.Id) : undefined;
    };
    /** Waits until the container is removed. If it ended by itself, the engine may still be removing it. */
    const removed = async (of: TestSession) => {
      for (let i = 0; i < 50 && (await containerOf(of)); i += 1) {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      assert.ok(!(await containerOf(of)));
    };

    it('shows a pause within two seconds, and the cell continues afterwards', async () => {
      const own = startSession(engine, image);
      const { msgId, reply } = own.session.execute(
        'import time\nprint("go")\nfor _ in range(10): time.sleep(0.1)\n"done"',
        { timeout: 3 },
      );
      await own.printed(msgId, 'go');
      const container = await containerOf(own);
      await container?.pause();
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      assert.equal(own.session.state.kind === 'unreachable' && own.session.state.failure.code, 'SandboxPaused');
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      await container?.unpause();
      assert.equal(
        own.gathered(msgId, await reply).result,
        "'done'",
        'the pause does not count against the time limit',
      );
      assert.equal(own.session.state.kind, 'ready');
    });

    it('that is killed from outside ends its cell within two seconds, and the cell reports the reason', async () => {
      const own = startSession(engine, image);
      const { msgId, reply } = own.session.execute('print("go")\nwhile True: pass');
      await own.printed(msgId, 'go');
      const container = await containerOf(own);
      const killed = performance.now();
      await container?.kill();
      assert.deepEqual((await reply).failure, { code: 'SandboxGone', params: { reason: 'exited', exitCode: 137 } });
      assert.ok(performance.now() - killed < 2_000, `${performance.now() - killed} ms`);
      await own.session.dispose();
      await removed(own);
    });

    it('is removed together with everything open, at whatever moment the session is disposed', async () => {
      const starting = startSession(engine, image);
      const cell = starting.session.execute('1');
      await new Promise((resolve) => setTimeout(resolve, 150));
      await starting.session.dispose();
      assert.equal((await cell.reply).status, 'aborted');
      await removed(starting);
      const running = startSession(engine, image);
      const { msgId, reply } = running.session.execute('print("go")\nwhile True: pass');
      await running.printed(msgId, 'go');
      const begun = performance.now();
      await running.session.dispose();
      assert.ok(performance.now() - begun < 5_000);
      assert.deepEqual((await reply).failure, { code: 'Aborted', params: { reason: 'shutdown' } });
      await removed(running);
    });
  });
});
