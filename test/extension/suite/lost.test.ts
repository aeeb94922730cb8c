import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import { OpenNotebook, containerOf, engine, set, stub, toldBy, until, useTestBase } from './support';

const SLOW = 'import time\nfor i in range(30):\n    print(i, flush=True)\n    time.sleep(0.1)';

describe('a sandbox that is lost or delayed', () => {
  before(useTestBase);
  let notebook: OpenNotebook;
  afterEach(() => notebook.close());
  const command = (name: string) => vscode.commands.executeCommand(`sandboxedIPython.${name}`, notebook.document.uri);

  it('is reported by the running cell if its container is removed, and the next cell runs in a new sandbox', async () => {
    notebook = await OpenNotebook.of('x = 1', SLOW, 'print("never")', '"x" in globals()');
    await notebook.run(0);
    notebook.start(1, 3);
    await until('some text', () => notebook.text(1).startsWith('0\n'));
    await engine('DELETE', `/containers/${await containerOf(notebook)}?force=true`);
    await Promise.all([notebook.ended(1), notebook.ended(2)]);
    assert.match(notebook.text(1), /^0\n[^]*(SandboxGone|Aborted): /);
    assert.equal(notebook.success(1), false);
    await notebook.run(3);
    assert.deepEqual([notebook.text(3), notebook.count(3)], ['False', 1]);
  });

  it('is reported to the user if its container is removed while nothing runs', async () => {
    notebook = await OpenNotebook.of('x = 1', '"x" in globals()');
    await notebook.run(0);
    const said = await toldBy('showWarningMessage', async (told) => {
      await engine('DELETE', `/containers/${await containerOf(notebook)}?force=true`);
      await until('the warning', () => told.length > 0);
    });
    assert.match(said, /The sandbox ended[^]*variables and files are lost/);
    await notebook.run(1);
    assert.match(notebook.text(1), /^This is a new sandbox, [^]*\nFalse$/);
  });

  it('is reported to the user if its container is paused while nothing runs', async () => {
    notebook = await OpenNotebook.of('x = 1');
    await notebook.run(0);
    const container = await containerOf(notebook);
    const said = await toldBy('showWarningMessage', async (told) => {
      await engine('POST', `/containers/${container}/pause`);
      await until('the warning', () => told.length > 0, 10_000);
      await engine('POST', `/containers/${container}/unpause`);
    });
    assert.match(said, /is paused/);
  });

  it("is reported only in the cell's output if its container is paused, and the cell continues when it is unpaused", async () => {
    notebook = await OpenNotebook.of(SLOW);
    notebook.start();
    await until('some text', () => notebook.text(0).startsWith('0\n'));
    const container = await containerOf(notebook);
    const said = await toldBy('showWarningMessage', async () => {
      await engine('POST', `/containers/${container}/pause`);
      await until(
        'the cell',
        () => /container is paused\. The cell continues when you unpause the container/.test(notebook.text(0)),
        10_000,
      );
      await engine('POST', `/containers/${container}/unpause`);
    });
    assert.equal(said, '');
    await notebook.ended(0);
    assert.deepEqual(
      notebook.text(0).match(/^\d+$/gm),
      Array.from({ length: 30 }, (_, i) => String(i)),
    );
    await until('that it is over', () => /container was paused for \d+ s\.\n/.test(notebook.text(0)), 10_000);
    assert.doesNotMatch(notebook.text(0), /is paused/);
    assert.equal(notebook.success(0), true);
  });

  it('is no longer started when the user cancels, restarts or shuts down while its image is being made: the cell ends, and the next run makes the image', async function () {
    this.timeout(120_000);
    notebook = await OpenNotebook.of('import six; six.__name__');
    await set('packages', [`six<${1000 + (Date.now() % 1_000_000)}`]); // an image that no run of the suite has made
    /**
     * Runs the cell and calls `work` at the first step of making the image. VS Code does not run a cell that has not
     * ended.
     */
    const atTheFirstStep = async (work: (source: vscode.CancellationTokenSource) => unknown) => {
      const source = new vscode.CancellationTokenSource();
      let steps = 0;
      await stub(
        'withProgress',
        (
          options: vscode.ProgressOptions,
          task: (progress: vscode.Progress<{ message?: string }>, token: vscode.CancellationToken) => Thenable<void>,
        ) => {
          assert.equal(options.cancellable, true);
          return task(
            {
              report: () => {
                steps += 1;
              },
            },
            source.token,
          );
        },
        async () => {
          notebook.start();
          await until('the first step: the image is not there', () => steps > 0);
          await work(source);
        },
      );
    };
    try {
      await atTheFirstStep((source) => source.cancel());
      await until('the word of it', () =>
        /^Cancelled: The start of the sandbox was cancelled\./.test(notebook.text(0)),
      );
      await atTheFirstStep(() => command('restartKernel'));
      await atTheFirstStep(() => command('shutDownSandbox'));
      await atTheFirstStep(() => command('restartAndRunAll'));
      assert.deepEqual([notebook.text(0), notebook.count(0)], ["'six'", 1]);
    } finally {
      await useTestBase();
    }
  });

  for (const name of ['restartKernel', 'shutDownSandbox', 'restartAndRunAll']) {
    it(`ends the waiting cells if "${name}" is used while it starts, and later cells run in a fresh kernel`, async () => {
      notebook = await OpenNotebook.of('n = globals().get("n", 0) + 1; n');
      notebook.start();
      await sleep(200); // the container is being created
      await command(name);
      if (name !== 'restartAndRunAll') {
        await notebook.run(0);
      }
      await until('the result', () => notebook.text(0) === '1' && notebook.success(0));
      assert.equal(notebook.count(0), 1);
    });
  }

  it('is restarted and runs its cells from the top, in order, while one cell runs and another waits', async () => {
    notebook = await OpenNotebook.of(
      'n = globals().get("n", 0) + 1\nn',
      'import time\nfor i in range(100 if n > 1 else 3):\n    print(i, flush=True)\n    time.sleep(0.1)',
      '"end"',
    );
    await notebook.run(0);
    await notebook.run(0);
    notebook.start(1, 3);
    await until('some text', () => notebook.text(1).startsWith('0\n'));
    await command('restartAndRunAll');
    await until('the end', () => notebook.success(2));
    assert.deepEqual(
      [0, 1, 2].map((i) => [notebook.text(i), notebook.count(i)]),
      [
        ['1', 1],
        ['0\n1\n2\n', 2],
        ["'end'", 3],
      ],
    );
  });

  it('is reported missing when there is none to restart or reset', async () => {
    notebook = await OpenNotebook.of('1');
    const said = await toldBy('showInformationMessage', async () => {
      await command('restartKernel');
      await command('resetSandboxState');
    });
    const text = `${notebook.document.uri.path} has no sandbox yet. Run a cell to start one.`;
    assert.equal(said, `${text}\n${text}`);
  });
});
