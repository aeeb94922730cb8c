import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { OpenNotebook, containerOf, engine, set, stub, until, useTestBase } from './support';

const SLOW = 'import time\nfor i in range(30):\n    print(i, flush=True)\n    time.sleep(0.1)';

describe('a sandbox that is lost or held up', () => {
  before(useTestBase);
  let notebook: OpenNotebook;
  afterEach(() => notebook.close());

  it('whose container is removed under a cell: the cell says so, the next cell runs in a new one', async () => {
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

  it('whose container is removed while nothing runs: the user is told that names are gone', async () => {
    notebook = await OpenNotebook.of('x = 1', '"x" in globals()');
    await notebook.run(0);
    const told: string[] = [];
    await stub('showWarningMessage', (message: string) => {
      told.push(message);
      return Promise.resolve(undefined);
    }, async () => {
      await engine('DELETE', `/containers/${await containerOf(notebook)}?force=true`);
      await until('the warning', () => told.length > 0);
    });
    assert.match(told.join(), /The sandbox ended[^]*variables and files are lost/);
    await notebook.run(1);
    assert.match(notebook.text(1), /^This is a new sandbox: [^]*\nFalse$/);
  });

  it('whose container is paused: the user is told, the cell says so in its output, and goes on when it is unpaused', async () => {
    notebook = await OpenNotebook.of(SLOW);
    notebook.start();
    await until('some text', () => notebook.text(0).startsWith('0\n'));
    const container = await containerOf(notebook);
    const told: string[] = [];
    await stub('showWarningMessage', (message: string) => {
      told.push(message);
      return Promise.resolve(undefined);
    }, async () => {
      await engine('POST', `/containers/${container}/pause`);
      await until('the warning', () => told.length > 0, 10_000);
      await until('the cell', () => /container is paused\. The cell goes on when it is unpaused/.test(notebook.text(0)), 10_000);
      await engine('POST', `/containers/${container}/unpause`);
    });
    assert.match(told[0] ?? '', /is paused/);
    await notebook.ended(0);
    assert.deepEqual(notebook.text(0).match(/^\d+$/gm), Array.from({ length: 30 }, (_, i) => String(i)));
    await until('that it is over', () => /container was paused for \d+ s\.\n/.test(notebook.text(0)), 10_000);
    assert.doesNotMatch(notebook.text(0), /is paused/);
    assert.equal(notebook.success(0), true);
  });

  it('whose image is being made when the user cancels: the cell says so, the next run makes it', async function () {
    this.timeout(120_000);
    notebook = await OpenNotebook.of('import six; six.__name__');
    await set('packages', ['six']);
    try {
      const steps: string[] = [];
      await stub('withProgress', (options: vscode.ProgressOptions, task: (progress: vscode.Progress<{ message?: string }>, token: vscode.CancellationToken) => Thenable<void>) => {
        assert.equal(options.cancellable, true);
        const source = new vscode.CancellationTokenSource();
        return task({ report: ({ message }) => {
          steps.push(message ?? '');
          source.cancel();
        } }, source.token);
      }, () => notebook.run(0));
      if (steps.length > 0) { // else the image is from an earlier run of the suite
        assert.match(notebook.text(0), /^Cancelled: The start of the sandbox was cancelled\./);
        await notebook.run(0);
      }
      assert.equal(notebook.text(0), "'six'");
    } finally {
      await useTestBase();
    }
  });
});
