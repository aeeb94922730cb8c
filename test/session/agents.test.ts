import assert from 'node:assert/strict';
import { InteractiveSandboxSession } from '../../src/agents/interactive-sandbox-session';
import type { OpenOptions } from '../../src/agents/open-options';
import type { RunOutput } from '../../src/agents/run-output';
import { BASE, RUNNER, docker } from './engineTools';

const OPTIONS: OpenOptions = {
  runnerFolder: RUNNER,
  settings: { image: BASE, packages: [], maxMemory: '512MB', timeout: 30 },
};

describe('a sandbox for programs', () => {
  let sandbox: InteractiveSandboxSession;
  before(async function () {
    this.timeout(240_000);
    sandbox = await InteractiveSandboxSession.open(OPTIONS);
  });
  after(() => sandbox.close());

  it('keeps state from run to run', async () => {
    await sandbox.run('x = 10; y = 20');
    const { status, exit_code, results, execution_count, state_lost, next_step } = await sandbox.run('x * y');
    assert.deepEqual(
      [status, exit_code, results, state_lost, next_step],
      ['ok', 0, [{ 'text/plain': '200', is_main_result: true }], false, null],
    );
    assert.ok((execution_count ?? 0) >= 2);
  });

  it('runs magics and shell commands', async () => {
    assert.match((await sandbox.run('%who_ls')).results[0]?.['text/plain'] as string, /\[/);
    assert.equal((await sandbox.run('!echo $((6 * 7))')).stdout.trim(), '42');
  });

  it('keeps functions and classes for a later step of an analysis', async () => {
    await sandbox.run(
      'class Counter:\n    def __init__(self): self.n = 0\n    def up(self): self.n += 1; return self.n',
    );
    await sandbox.run('counter = Counter(); counter.up()');
    assert.equal((await sandbox.run('print(counter.up())')).stdout, '2\n');
  });

  it('describes an error with its traceback, without colours, and goes on', async () => {
    const { status, exit_code, error, state_lost } = await sandbox.run('kept = 1\n1 / 0');
    assert.deepEqual([status, exit_code, error?.name, state_lost], ['error', 1, 'ZeroDivisionError', false]);
    assert.match(error?.traceback ?? '', /ZeroDivisionError: division by zero/);
    assert.ok(!error?.traceback.includes('\u001b'));
    assert.equal((await sandbox.run('kept')).results[0]?.['text/plain'], '1');
  });

  it('separates stdout, stderr and displays, and passes each on as it arrives', async () => {
    const seen: RunOutput[] = [];
    const run = await sandbox.run(
      'import sys\nfrom IPython.display import display\nprint("out"); print("err", file=sys.stderr); display({"text/html": "<b>x</b>"}, raw=True)',
      { onOutput: (output) => seen.push(output) },
    );
    assert.deepEqual([run.stdout, run.stderr], ['out\n', 'err\n']);
    assert.deepEqual(run.results, [{ 'text/html': '<b>x</b>', is_main_result: false }]);
    assert.deepEqual(
      [...new Set(seen.map(({ type }) => type))], // a text may arrive in pieces
      ['stdout', 'stderr', 'result'],
    );
  });

  it('ends a run at its time limit and keeps the variables', async () => {
    await sandbox.run('kept = 2');
    const { status, exit_code, state_lost } = await sandbox.run('import time; time.sleep(60)', { timeout: 1 });
    assert.deepEqual([status, exit_code, state_lost], ['timed_out', 124, false]);
    assert.equal((await sandbox.run('kept')).results[0]?.['text/plain'], '2');
  });

  it('can be asked for a run that has not ended, and interrupted', async () => {
    const id = sandbox.start('print("begun", flush=True)\nimport time; time.sleep(60)');
    assert.equal((await sandbox.wait(id, 0.5))?.status, 'running');
    await sandbox.interrupt(id);
    const run = await sandbox.wait(id, 10);
    assert.deepEqual([run?.status, run?.exit_code, run?.stdout], ['interrupted', 130, 'begun\n']);
  });

  it('interrupts a run when its signal aborts', async () => {
    const { status, state_lost } = await sandbox.run('import time; time.sleep(60)', {
      signal: AbortSignal.timeout(500),
    });
    assert.deepEqual([status, state_lost], ['interrupted', false]);
  });

  it('answers input() with an error that says what to do', async () => {
    const { error, next_step } = await sandbox.run('input("Name? ")');
    assert.equal(error?.name, 'StdinNotImplementedError');
    assert.match(next_step ?? '', /^Code cannot ask for input here\./);
  });

  it('says that the state is lost when the kernel has died, and runs on in a fresh one', async () => {
    await sandbox.run('lost = 1');
    const died = await sandbox.run('import os, signal; os.kill(os.getpid(), signal.SIGSEGV)');
    assert.deepEqual([died.status, died.exit_code, died.state_lost], ['kernel_died', 139, true]);
    assert.equal((await sandbox.run('lost')).error?.name, 'NameError');
  });

  it('says that the code needed too much memory', async () => {
    const { status, exit_code, state_lost } = await sandbox.run(
      'b = bytearray(2 * 2**30)\nfor i in range(0, len(b), 4096): b[i] = 1',
    );
    assert.deepEqual([status, exit_code, state_lost], ['out_of_memory', 137, true]);
  });

  it('has the exit code of SystemExit', async () => {
    assert.equal((await sandbox.run('import sys; sys.exit(7)')).exit_code, 7);
  });

  it('runs what is started at once in order, and one error does not cancel the next run', async () => {
    const runs = await Promise.all(['1 / 0', 'print(1)', 'print(2)'].map((code) => sandbox.run(code)));
    assert.deepEqual(
      runs.map(({ status, stdout }) => [status, stdout]),
      [
        ['error', ''],
        ['ok', '1\n'],
        ['ok', '2\n'],
      ],
    );
  });

  it('reads a file that was written into it', async () => {
    await sandbox.writeFile('data/a.csv', 'a,b\n1,2\n');
    assert.equal((await sandbox.run('print(open("/sandbox/data/a.csv").read())')).stdout, 'a,b\n1,2\n\n');
    await assert.rejects(sandbox.writeFile('../a', ''), { code: 'SettingInvalid' });
  });

  it('begins with fresh variables after a reset', async () => {
    await sandbox.run('before = 1');
    await sandbox.reset();
    assert.equal((await sandbox.run('before')).error?.name, 'NameError');
  });

  it('reports that it is gone when its container is removed', async () => {
    const opened = await InteractiveSandboxSession.open(OPTIONS);
    const id = opened.start('import time; time.sleep(60)');
    const [{ Id = '' } = {}] = await docker.listContainers({
      filters: { label: [`sandboxed-ipython.sandbox=${opened.id}`] },
    });
    await docker.getContainer(Id).remove({ force: true });
    const run = await opened.wait(id, 20);
    assert.deepEqual([run?.status, run?.exit_code, run?.state_lost], ['sandbox_gone', null, true]);
    assert.equal((await opened.run('1')).status, 'sandbox_gone');
    await opened.close();
  });

  it('refuses another language, another kernel and settings that are not allowed', async () => {
    for (const wrong of [
      { lang: 'r' },
      { kernelType: 'xeus' },
      { settings: { maxMemory: '1MB' } },
      { libraries: ['-r x'] },
    ]) {
      await assert.rejects(InteractiveSandboxSession.open({ ...OPTIONS, ...wrong } as OpenOptions), {
        code: 'SettingInvalid',
      });
    }
  });

  it('leaves no container behind', async () => {
    const idOfClosed = async (): Promise<string> => {
      await using opened = await InteractiveSandboxSession.open(OPTIONS);
      return opened.id;
    };
    const id = await idOfClosed();
    assert.deepEqual(
      await docker.listContainers({ all: true, filters: { label: [`sandboxed-ipython.sandbox=${id}`] } }),
      [],
    );
  });
});
