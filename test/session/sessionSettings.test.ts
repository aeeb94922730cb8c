import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { Engine } from '../../src/engine/engine';
import { SANDBOX_UIDS } from '../../src/engine/specification';
import { connect, derivedImage, endSessions, startSession, withOverrides } from './support/sandboxes';

const MB = 2 ** 20;

describe('each setting has an effect', () => {
  let engine: Engine;
  let image: string;

  before(async function () {
    this.timeout(240_000);
    engine = await connect();
    image = await derivedImage(engine);
  });
  afterEach(endSessions);
  after(() => {
    engine.dispose();
  });

  it('timeout: a cell without a limit of its own has the limit of the session', async () => {
    const sandbox = startSession(engine, image, { timeout: 1 });
    assert.deepEqual((await sandbox.run('import time; time.sleep(30)')).reply.failure, {
      code: 'TimedOut',
      params: { timeout: 1, killed: false },
    });
    assert.equal(
      (await sandbox.run('import time; time.sleep(2); "done"', { timeout: 0 })).result,
      "'done'",
      '0 is no limit',
    );
  });

  it('timeout: waiting for input() does not count', async () => {
    const sandbox = startSession(engine, image, { timeout: 1 });
    const { msgId, reply } = sandbox.session.execute('input()');
    const asked = await sandbox.event(
      (event) => event.msg_type === 'input_request' && event.parent_header.msg_id === msgId,
    );
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    if (asked.msg_type === 'input_request') {
      await sandbox.session.answer(asked.content.request, 'late');
    }
    assert.equal(sandbox.gathered(msgId, await reply).result, "'late'");
  });

  it('maxMemory: the kernel is killed, the sandbox lives, the error names the limit, and the next cell runs', async () => {
    const sandbox = startSession(engine, image, { maxMemory: 256 * MB });
    await sandbox.run('open("/sandbox/kept", "w").write("1")');
    const cell = await sandbox.run('x = b"x" * (1 << 30)');
    assert.deepEqual([cell.reply.failure?.code, cell.reply.failure?.params['limit']], ['OutOfMemory', 256 * MB]);
    const next = await sandbox.run('import os; os.path.exists("/sandbox/kept"), "x" in globals()');
    assert.equal(next.result, '(True, False)');
    assert.equal(sandbox.session.state.kind, 'ready');
  });

  it('maxMemory: memory of a child process counts, and its end is reported although the kernel lives', async () => {
    const sandbox = startSession(engine, image, { maxMemory: 256 * MB });
    const cell = await sandbox.run(
      'x = 1\nimport subprocess, sys\nsubprocess.run([sys.executable, "-c", "x = b\'x\' * (1 << 30)"]).returncode',
    );
    assert.equal(cell.result, '-9');
    assert.deepEqual(cell.of('notice'), [{ code: 'ChildKilled', params: { limit: 256 * MB } }]);
    assert.equal((await sandbox.run('x')).result, '1');
  });

  it('maxMemory: /sandbox has half of it, and a full /sandbox blocks nothing', async () => {
    const sandbox = startSession(engine, image, { maxMemory: 512 * MB });
    assert.equal(
      (await sandbox.run('import os; s = os.statvfs("/sandbox"); s.f_blocks * s.f_frsize == 256 * 2**20')).result,
      'True',
    );
  });

  it('historySize: limits the results that IPython keeps, from the next kernel on', async () => {
    const sandbox = startSession(engine, image, { historySize: 5 });
    for (let i = 0; i < 12; i += 1) {
      await sandbox.run(`${i} + 100`);
    }
    const kept = 'sum(isinstance(k, int) for k in Out)';
    assert.ok(Number((await sandbox.run(kept)).result) <= 6);
    await sandbox.session.reset({ files: 'keep', historySize: 1000 });
    for (let i = 0; i < 12; i += 1) {
      await sandbox.run(`${i} + 100`);
    }
    assert.equal((await sandbox.run(kept)).result, '12');
  });

  it('pollInterval: is the time between two looks into the queue if inotify is not available', async function () {
    this.timeout(90_000);
    const uid = SANDBOX_UIDS.last;
    const greedy = await takeAllInotify(uid);
    const others = new Set(
      Array.from({ length: SANDBOX_UIDS.last - SANDBOX_UIDS.first }, (_, i) => SANDBOX_UIDS.first + i),
    );
    const oneUidLeft: Engine = withOverrides(engine, {
      usedUids: () => Promise.resolve(others),
    });
    try {
      const latency = async (pollInterval: number) => {
        const sandbox = startSession(oneUidLeft, image, { pollInterval });
        assert.equal((await sandbox.run('import os; os.getuid()')).result, String(uid));
        const times: number[] = [];
        for (let i = 0; i < 5; i += 1) {
          const begun = performance.now();
          await sandbox.run('pass');
          times.push(performance.now() - begun);
        }
        await sandbox.session.dispose();
        return times.sort((a, b) => a - b)[2] ?? NaN;
      };
      const [slow, quick] = [await latency(1.5), await latency(0.05)];
      assert.ok(slow > 700 && slow < 3_000 && quick < 300, `${slow} and ${quick} ms`);
    } finally {
      greedy.kill('SIGKILL');
    }
  });

  it('cpus and pids: are enforced by the engine', async () => {
    const sandbox = startSession(engine, image, { cpus: 0.5, pids: 80 });
    const cell = await sandbox.run(`
import subprocess, time
started = []
try:
    for _ in range(200): started.append(subprocess.Popen(["sleep", "5"]))
except OSError as error: print(type(error).__name__)
print(len(started))
for one in started: one.kill(); one.wait()
a, c = time.monotonic(), time.process_time()
while time.monotonic() - a < 1.5: pass
print((time.process_time() - c) / (time.monotonic() - a))`);
    const [error, count, share] = cell.text().trim().split('\n');
    assert.deepEqual([error, Number(count) < 80], ['BlockingIOError', true]);
    assert.ok(Number(share) < 0.7, share);
  });

  it('maxOutput: output of a cell beyond it is dropped and counted, and the next cell prints again', async () => {
    const sandbox = startSession(engine, image, { maxOutput: 64 * 1024 });
    const cell = await sandbox.run('for i in range(100_000): print(i)');
    assert.ok(cell.text().length <= 64 * 1024 && cell.text().length > 32 * 1024, String(cell.text().length));
    assert.equal(cell.of('notice')[0]?.params['limit'], 64 * 1024);
    assert.equal((await sandbox.run('print("again")')).text(), 'again\n');
  });

  it('logBudget: the oldest cells are dropped first, and the newest stay', async () => {
    const sandbox = startSession(engine, image, { logBudget: MB });
    for (let i = 0; i < 30; i += 1) {
      await sandbox.run('print("x" * 500_000)');
    }
    const held = await sandbox.run(
      'import glob, os; sum(os.path.getsize(f) for f in glob.glob("/sandbox/.interactive/events/*.jsonl"))',
    );
    assert.ok(Number(held.result) < 3 * MB, held.result);
  });
});

/** Starts a process with this uid, outside of any sandbox, that takes all inotify instances of that uid. */
async function takeAllInotify(uid: number): Promise<ReturnType<typeof spawn>> {
  const code = `
import ctypes, os, sys, time
os.setgid(${uid}); os.setuid(${uid})
libc = ctypes.CDLL(None)
while libc.inotify_init() >= 0: pass
print("taken", flush=True)
time.sleep(300)`;
  const child = spawn('python3', ['-c', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve);
    child.once('error', reject).once('exit', () => {
      reject(new Error('inotify could not be used up: are the tests run as root?'));
    });
  });
  return child;
}
