import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine } from '../../src/engine/engine';
import { installNetwork } from '../../src/engine/image/install-network';
import { silentProgress } from '../../src/engine/progress';
import { containerName } from '../../src/engine/specification';
import { isSandboxError, type FailureParams } from '../../src/protocol/errors';
import { RUNNER, docker, runnerWith, until } from './engineTools';
import { baseImage, connect, derivedImage, endSessions, startSession, type TestSession } from './support/sandboxes';

const MB = 2 ** 20;
/** Milliseconds within which an end is reported. A machine that is not busy needs at most two seconds. */
const REPORT_MS = 5_000;

/** How a cell ends its kernel, and the failure that is reported. */
const KERNEL_DEATHS: readonly (readonly [what: string, code: string, failure: string, params: FailureParams])[] = [
  ['that calls os._exit', 'import os; os._exit(3)', 'KernelDied', { signal: '', exitcode: 3 }],
  [
    'with a segmentation fault',
    'import ctypes; ctypes.string_at(0)',
    'KernelDied',
    { signal: 'SIGSEGV', exitcode: 139 },
  ],
  [
    'that is killed',
    'import os, signal; os.kill(os.getpid(), signal.SIGKILL)',
    'KernelDied',
    { signal: 'SIGKILL', exitcode: 137 },
  ],
  ['over the memory limit', 'x = b"x" * (1 << 30)', 'OutOfMemory', { limit: 256 * MB }],
  [
    'whose shared memory finds no room',
    'from multiprocessing import shared_memory\nm = shared_memory.SharedMemory(create=True, size=128 << 20)\nfor i in range(0, m.size, 4096): m.buf[i] = 1',
    'KernelDied',
    { signal: 'SIGBUS', exitcode: 135, path: '/dev/shm', limit: 64 * MB },
  ],
];

describe('the end of a kernel or a container', function () {
  this.timeout(60_000);
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

  /** Returns a session with a running cell. */
  async function running(
    code = 'while True: pass',
  ): Promise<TestSession & { msgId: string; reply: ReturnType<TestSession['session']['execute']>['reply'] }> {
    const sandbox = startSession(engine, image, { maxMemory: 256 * MB });
    const { msgId, reply } = sandbox.session.execute(`print("go")\n${code}`, { metadata: { runId: 'run' } });
    await sandbox.printed(msgId, 'go');
    return Object.assign(sandbox, { msgId, reply });
  }

  for (const [what, code, failure, params] of KERNEL_DEATHS) {
    it(`of a kernel ${what} ends its cell and the rest of its run; the next run has a fresh kernel and the files`, async () => {
      const sandbox = startSession(engine, image, { maxMemory: 256 * MB });
      await sandbox.run('lost = 1; open("/sandbox/kept", "w").write("kept")');
      const begun = performance.now();
      const [cell, behind, other] = await Promise.all([
        sandbox.run(`print("last words", flush=True)\n${code}`, { metadata: { runId: 'one' } }),
        sandbox.run('1', { metadata: { runId: 'one' } }),
        sandbox.run('"lost" in globals(), open("/sandbox/kept").read()', { metadata: { runId: 'two' } }),
      ]);
      assert.ok(performance.now() - begun < 3 * REPORT_MS);
      assert.equal(cell.text(), 'last words\n');
      assert.equal(cell.reply.failure?.code, failure);
      assert.deepEqual(
        Object.fromEntries(Object.keys(params).map((name) => [name, cell.reply.failure?.params[name]])),
        params,
      );
      assert.deepEqual(behind.reply.failure, { code: 'Aborted', params: { reason: 'died' } });
      assert.equal(other.result, "(False, 'kept')");
    });
  }

  for (const [what, end, cause] of [
    ['that a thread ends', 'os._exit(1)', 'KernelDied'],
    ['that a thread takes over the memory limit', 'globals().update(x=b"x" * (1 << 30))', 'OutOfMemory'],
  ] as const) {
    it(`of a kernel ${what} while no cell runs is reported by the next cell, which has a fresh kernel`, async () => {
      const sandbox = startSession(engine, image, { maxMemory: 256 * MB });
      await sandbox.run(`lost = 1\nimport os, threading\nthreading.Timer(0.3, lambda: ${end}).start()`);
      await sandbox.event((event) => event.msg_type === 'status' && event.content.execution_state === 'restarting');
      const [next, later] = [await sandbox.run('lost'), await sandbox.run('1')];
      assert.equal(next.reply.ename, 'NameError');
      assert.deepEqual(
        [next, later].map((cell) => cell.of('notice')),
        [[{ code: 'Restarted', params: { reason: 'died', cause } }], []],
      );
    });
  }

  it('is reported to the cells and the reset that wait for a kernel that does not start; once a kernel starts, cells run again', async () => {
    const file = async (name: string, change: (text: string) => string) => ({
      [name]: change(await readFile(join(RUNNER, name), 'utf8')),
    });
    const hang =
      '\n_prepare = prepare_environment\ndef prepare_environment(options):\n    import time\n    while os.path.exists("/sandbox/hang"): time.sleep(0.1)\n    _prepare(options)\n';
    const runner = await runnerWith({
      ...(await file('sandboxed_ipython/kernel/shell.py', (text) => text + hang)),
      ...(await file('sandboxed_ipython/options.py', (text) =>
        text.replace('start_deadline: float = 20.0', 'start_deadline: float = 2.0'),
      )),
    });
    try {
      const broken = await engine.ensureImage(
        { base: baseImage(), packages: [], runnerFolder: runner.folder, network: await installNetwork(process.env) },
        silentProgress,
      );
      const sandbox = startSession(engine, broken);
      await sandbox.run('open("/sandbox/hang", "w").close()');
      // The first reset may get a spare kernel that was forked before.
      const reset = () => sandbox.session.reset({ files: 'keep' });
      await assert.rejects(reset().then(reset), (error) => isSandboxError(error, 'KernelDied'));
      assert.match(String((await sandbox.run('1')).reply.failure?.params['reason']), /does not start within 2 s/);
      await docker
        .getContainer(containerName(sandbox.session.id))
        .exec({ Cmd: ['rm', '/sandbox/hang'], AttachStdout: true })
        .then((exec) => exec.start({}));
      await until('a kernel starts', async () => (await sandbox.run('6 * 7')).result === '42', 30_000);
      await endSessions();
      await docker.getImage(broken).remove();
    } finally {
      await runner.remove();
    }
  });

  const CONTAINER_ENDS = {
    'is stopped': [(id: string) => docker.getContainer(id).stop(), ['stopped']],
    'is restarted': [(id: string) => docker.getContainer(id).restart({ t: 10 }), ['stopped', 'restarted', 'removed']],
    // Podman stops it first
    'is removed': [(id: string) => docker.getContainer(id).remove({ force: true }), ['exited', 'removed', 'stopped']],
    'loses its supervisor': [
      async (id: string) => {
        process.kill((await docker.getContainer(id).inspect()).State.Pid, 'SIGKILL');
      },
      ['exited'],
    ],
  } as const;
  for (const [what, [end, reasons]] of Object.entries(CONTAINER_ENDS)) {
    it(`of a container that ${what} ends its cell and the session, and nothing of the sandbox is left`, async function () {
      if (what.includes('supervisor') && process.getuid?.() !== 0) {
        this.skip();
      } // it is another user's process
      const sandbox = await running();
      const queued = sandbox.session.execute('1', { metadata: { runId: 'run' } });
      const begun = performance.now();
      const ending = end(containerName(sandbox.session.id));
      const { failure } = await sandbox.reply;
      assert.ok(performance.now() - begun < REPORT_MS, `${Math.round(performance.now() - begun)} ms`);
      assert.equal(failure?.code, 'SandboxGone');
      assert.ok((reasons as readonly string[]).includes(String(failure.params['reason'])), JSON.stringify(failure));
      assert.ok(['Aborted', 'SandboxGone'].includes((await queued.reply).failure?.code ?? ''));
      await ending.catch(() => undefined); // the session may have removed it first
      await until('the session is over', () => sandbox.session.state.kind === 'gone');
      await sandbox.session.dispose();
      await until('the container is gone', async () =>
        docker
          .getContainer(containerName(sandbox.session.id))
          .inspect()
          .then(
            () => false,
            () => true,
          ),
      );
    });
  }

  it('of a container in which no cell runs is reported by the state of the session', async () => {
    const sandbox = startSession(engine, image);
    await sandbox.run('1');
    await docker.getContainer(containerName(sandbox.session.id)).stop();
    await until('it is told', () => sandbox.session.state.kind === 'gone', REPORT_MS);
    assert.deepEqual(sandbox.session.state.kind === 'gone' && sandbox.session.state.failure.params, {
      reason: 'stopped',
      exitCode: 143,
    });
  });
});

describe('a resource that a cell exhausts', function () {
  this.timeout(60_000);
  let engine: Engine;
  let sandbox: TestSession;

  before(async function () {
    this.timeout(240_000);
    engine = await connect();
    sandbox = startSession(engine, await derivedImage(engine), { maxMemory: 256 * MB, pids: 64 });
  });
  after(async () => {
    await endSessions();
    engine.dispose();
  });

  for (const [what, code, notice] of [
    [
      'room in /sandbox',
      'try:\n  with open("/sandbox/fill", "wb", buffering=0) as f:\n    while True: f.write(bytes(1 << 16))\nexcept OSError as e: print(e)',
      { code: 'DiskFull', params: { path: '/sandbox', limit: 128 * MB } },
    ],
    [
      'room in /tmp',
      'try:\n  with open("/tmp/fill", "wb", buffering=0) as f:\n    while True: f.write(bytes(1 << 16))\nexcept OSError as e: print(e)',
      { code: 'DiskFull', params: { path: '/tmp', limit: 64 * MB } },
    ],
    [
      'processes',
      'import subprocess\nthere = []\ntry:\n  while True: there.append(subprocess.Popen(["sleep", "100"]))\nexcept OSError as e: print(e)',
      { code: 'PidsExhausted', params: { limit: 64 } },
    ],
  ] as const) {
    it(`is reported while the cell continues: ${what}`, async () => {
      await sandbox.session.reset({ files: 'clear' });
      const { msgId, reply } = sandbox.session.execute(`kept = 1\n${code}\nimport time; time.sleep(3); "went on"`);
      const told = await sandbox.event(
        (event) => event.msg_type === 'notice' && event.parent_header.msg_id === msgId,
        30,
      );
      assert.deepEqual(told.content, notice);
      assert.equal(sandbox.gathered(msgId, await reply).result, "'went on'");
      assert.equal((await sandbox.run('kept')).result, '1');
    });
  }
});
