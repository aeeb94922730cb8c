import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import { OpenNotebook, containerOf, engine, hasSandbox, set, stub, until, useTestBase } from './support';

const LOOP = 'import time\nfor i in range(40):\n    print(i, flush=True)\n    time.sleep(0.1)\n6 * 7';
const numbers = (to: number): string => Array.from({ length: to }, (_, i) => `${i}\n`).join('');

describe('a notebook that was closed and is opened again', () => {
  let folder: string;
  let notebook: OpenNotebook;

  before(async () => {
    await useTestBase();
    await set('keepAlive', 10);
  });
  after(() => set('keepAlive', 0));
  beforeEach(() => { folder = mkdtempSync(path.join(os.tmpdir(), 'reattach-')); });
  afterEach(async () => {
    await vscode.commands.executeCommand('sandboxedIPython.shutDownSandbox', notebook.document.uri);
    await notebook.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const open = (...sources: string[]) => OpenNotebook.saved(path.join(folder, 'work.ipynb'), ...sources);
  const close = async () => {
    await notebook.document.save();
    await vscode.window.showNotebookDocument(notebook.document);
    // output that came since it was saved would be asked about
    await vscode.commands.executeCommand('workbench.action.revertAndCloseActiveEditor');
    await until('the notebook is closed', () => notebook.document.isClosed);
  };
  const reopen = async (uri = notebook.document.uri) => { notebook = await OpenNotebook.at(uri); };

  it('has its variables, counts on, and shows what it showed', async () => {
    notebook = await open('x = 6 * 7', 'x');
    await notebook.run(0);
    const container = await containerOf(notebook);
    await close();
    await reopen();
    await notebook.run(1);
    assert.deepEqual([notebook.text(1), notebook.count(1)], ['42', 2]);
    assert.equal(await containerOf(notebook), container);
  });

  it('shows a cell that runs as running, with all that it printed, and ends with it', async () => {
    notebook = await open(LOOP, 'print("queued")');
    notebook.start();
    await until('some text', () => notebook.text(0).includes('5\n'));
    await close();
    await sleep(600);
    await reopen();
    await until('the text so far', () => notebook.text(0).includes('12\n'));
    assert.ok(!notebook.text(0).includes('39\n'), 'it had ended before it was looked at');
    await Promise.all([notebook.ended(0), notebook.ended(1)]);
    assert.equal(notebook.text(0), `${numbers(40)}\n42`);
    assert.deepEqual([notebook.text(1), notebook.counts(), notebook.success(0)], ['queued\n', [1, 2], true]);
    const { timing } = notebook.cell(0).executionSummary ?? {};
    const seconds = ((timing?.endTime ?? 0) - (timing?.startTime ?? 0)) / 1000;
    assert.ok(seconds > 3.5 && seconds < 15, `it took ${seconds} s, as the notebook has it`);
  });

  it('shows how a cell ended meanwhile', async () => {
    notebook = await open('import time\nfor i in range(10):\n    print(i, flush=True)\n    time.sleep(0.1)\n1/0');
    notebook.start();
    await until('some text', () => notebook.text(0).includes('2\n'));
    await close();
    await sleep(2_000);
    await reopen();
    await until('the error', () => notebook.text(0).includes('ZeroDivisionError'));
    assert.match(notebook.text(0), /^0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n\nZeroDivisionError: division by zero$/);
    assert.deepEqual([notebook.success(0), notebook.count(0)], [false, 1]);
  });

  it('leaves an error as it was saved, and links later ones to cells that ran before', async () => {
    notebook = await open('import json\ndef f():\n    json.loads("{")', 'f()', 'json.load');
    await notebook.run(0);
    await notebook.run(1);
    await close();
    await reopen();
    const { document } = notebook.cell(2);
    const suggested = async () => (await vscode.commands.executeCommand<vscode.CompletionList>(
      'vscode.executeCompletionItemProvider', document.uri, document.lineAt(0).range.end, undefined, 10)).items.some(({ detail }) => detail?.includes('kernel'));
    for (const end = Date.now() + 30_000; !await suggested(); await sleep(100)) { assert.ok(Date.now() < end, 'it is attached'); }
    assert.equal(notebook.document.isDirty, false);
    await notebook.run(1);
    const { stack } = JSON.parse(new TextDecoder().decode(notebook.cell(1).outputs[0]?.items[0]?.data)) as Error;
    assert.match(stack ?? '', /In\[1\].*, line 3/);
  });

  it('interrupts the cell that it found running', async () => {
    notebook = await open('import time\nfor i in range(10_000):\n    print(i, flush=True)\n    time.sleep(0.2)', '"alive"');
    notebook.start(0, 1);
    await until('some text', () => notebook.text(0).includes('5\n'));
    await close();
    await reopen();
    const saved = notebook.text(0);
    await until('more text: it is attached', () => notebook.text(0).length > saved.length);
    await vscode.commands.executeCommand('notebook.cancelExecution', { ranges: [{ start: 0, end: 1 }], document: notebook.document.uri });
    await until('the interrupt', () => notebook.text(0).includes('KeyboardInterrupt'));
    await notebook.run(1);
    assert.equal(notebook.text(1), "'alive'");
  });

  it('asks again what a cell had asked, and keeps what was answered before', async () => {
    const asked: string[] = [];
    const answers = new Map([['one? ', 'first']]);
    const box = (options: vscode.InputBoxOptions, token: vscode.CancellationToken) => {
      asked.push(options.prompt ?? '');
      const answer = answers.get(options.prompt ?? '');
      return answer !== undefined ? Promise.resolve(answer) : new Promise<undefined>((resolve) => { token.onCancellationRequested(() => resolve(undefined)); });
    };
    notebook = await open('a = input("one? ")\nb = input("two? ")\nprint(a, b)');
    await stub('showInputBox', box, async () => {
      notebook.start();
      await until('the second prompt', () => asked.includes('two? '));
      await close();
    });
    answers.set('two? ', 'second');
    await stub('showInputBox', box, async () => {
      await reopen();
      await notebook.ended(0);
    });
    assert.equal(notebook.text(0), 'one? first\ntwo? second\nfirst second\n');
    assert.deepEqual(asked, ['one? ', 'two? ', 'two? ']);
  });

  it('replaces a display that an earlier window showed', async () => {
    notebook = await open('from IPython.display import display\nh = display("before", display_id=True)', 'h.update("after")');
    await notebook.run(0);
    await sleep(3_500); // by then it is surely kept, and not written anew
    await close();
    await reopen();
    await notebook.run(1);
    await until('the update', () => notebook.text(0) === "'after'");
  });

  it('keeps its sandbox under another name', async () => {
    notebook = await open('x = 1', 'x');
    await notebook.run(0);
    await notebook.document.save();
    const renamed = vscode.Uri.file(path.join(folder, 'renamed.ipynb'));
    const edit = new vscode.WorkspaceEdit();
    edit.renameFile(notebook.document.uri, renamed);
    assert.ok(await vscode.workspace.applyEdit(edit));
    await reopen(renamed);
    await notebook.run(1);
    assert.equal(notebook.text(1), '1');
  });

  it('has a sandbox of its own when it is a copy', async () => {
    notebook = await open('x = 1', '"x" in globals()');
    await notebook.run(0);
    await notebook.document.save();
    const copy = vscode.Uri.file(path.join(folder, 'copy.ipynb'));
    await vscode.workspace.fs.copy(notebook.document.uri, copy);
    const other = await OpenNotebook.at(copy);
    await other.run(1);
    assert.equal(other.text(1), 'False');
    await vscode.commands.executeCommand('sandboxedIPython.shutDownSandbox', copy);
    await other.close();
  });

  it('says in its next cell what became of its sandbox', async () => {
    notebook = await open('x = 1', '"x" in globals()');
    await notebook.run(0);
    const container = await containerOf(notebook);
    await close();
    await engine('DELETE', `/containers/${container}?force=true`);
    await reopen();
    await notebook.run(1);
    assert.match(notebook.text(1), /^This is a new sandbox: the one before ended because its container was removed\. Its variables and files are lost\. [^]*\nFalse$/);
  });

  it('is shut down by a command', async () => {
    notebook = await open('x = 1', '"x" in globals()');
    await notebook.run(0);
    await vscode.commands.executeCommand('sandboxedIPython.shutDownSandbox', notebook.document.uri);
    assert.ok(!await hasSandbox(notebook));
    await notebook.run(1);
    assert.equal(notebook.text(1), 'False');
  });

  it('is restarted and runs its cells from the top, by a command', async () => {
    notebook = await open('n = globals().get("n", 0) + 1\nn', 'n + 1', 'n + 2');
    await notebook.runAll();
    const isRun = (...counts: number[]) => until(`the counts ${counts.join()}`, () => counts.every((count, i) => notebook.count(i) === count && notebook.success(i) === true));
    await vscode.commands.executeCommand('sandboxedIPython.restartAndRunAll', notebook.document.uri);
    await isRun(1, 2, 3);
    assert.deepEqual([0, 1, 2].map((i) => notebook.text(i)), ['1', '2', '3']);
    await notebook.run(2);
    assert.equal(notebook.count(2), 4);
    await vscode.commands.executeCommand('sandboxedIPython.restartAndRunToHere', notebook.cell(1));
    await isRun(1, 2);
    await notebook.run(2);
    assert.equal(notebook.count(2), 3);
  });
});
