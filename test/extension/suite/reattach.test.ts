import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import {
  OpenNotebook,
  answer,
  boxes,
  containerOf,
  containersOf,
  engine,
  engineSocket,
  hasSandbox,
  isThere,
  set,
  stub,
  until,
  useTestBase,
} from './support';

const loop = (times: number): string =>
  `import time\nfor i in range(${times}):\n    print(i, flush=True)\n    time.sleep(0.1)\n6 * 7`;
const FOREVER = 'import time\nwhile True:\n    time.sleep(0.1)';
const numbers = (to: number): string => Array.from({ length: to }, (_, i) => `${i}\n`).join('');

describe('a notebook that was closed and is opened again', () => {
  let folder: string;
  let notebook: OpenNotebook;

  before(async () => {
    await useTestBase();
    await set('keepAlive', 10);
    await set('startOn', 'open'); // a recorded sandbox has priority over one that is started early
  });
  after(useTestBase);
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'reattach-'));
  });
  afterEach(async () => {
    await vscode.commands.executeCommand('sandboxedIPython.shutDownSandbox', notebook.document.uri);
    await notebook.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const open = (...sources: string[]) => OpenNotebook.saved(path.join(folder, 'work.ipynb'), ...sources);
  const close = () => notebook.saveAndClose();
  const command = (name: string, argument: unknown = notebook.document.uri) =>
    vscode.commands.executeCommand(`sandboxedIPython.${name}`, argument);
  const isRemoved = async (container: string) => {
    for (const end = Date.now() + 10_000; await isThere(container); await sleep(50)) {
      assert.ok(Date.now() < end, 'the container is still there');
    }
  };
  const reopen = async (uri = notebook.document.uri) => {
    notebook = await OpenNotebook.at(uri);
  };

  it('keeps its variables and counts, and shows what it showed before', async () => {
    notebook = await open('x = 6 * 7', 'x');
    await notebook.run(0);
    const container = await containerOf(notebook);
    await close();
    await reopen();
    await notebook.run(1);
    assert.deepEqual([notebook.text(1), notebook.count(1)], ['42', 2]);
    assert.equal(await containerOf(notebook), container);
  });

  it('shows a running cell as running, with all of its output, until that cell ends', async () => {
    // The loop is so long that even a busy computer opens the notebook again before its end.
    notebook = await open(loop(100), 'print("queued")');
    notebook.start();
    await until('some text', () => notebook.text(0).includes('5\n'));
    await close();
    await sleep(600);
    await reopen();
    await until('the text so far', () => notebook.text(0).includes('12\n'));
    assert.ok(!notebook.text(0).includes('99\n'), 'it had ended before it was looked at');
    await Promise.all([notebook.ended(0), notebook.ended(1)]);
    assert.equal(notebook.text(0), `${numbers(100)}\n42`);
    assert.deepEqual([notebook.text(1), notebook.counts(), notebook.success(0)], ['queued\n', [1, 2], true]);
    const { timing } = notebook.cell(0).executionSummary ?? {};
    const seconds = ((timing?.endTime ?? 0) - (timing?.startTime ?? 0)) / 1000;
    assert.ok(seconds > 9.5 && seconds < 21, `it took ${seconds} s, as the notebook has it`);
  });

  it('shows how a cell ended meanwhile', async () => {
    notebook = await open('import time\nfor i in range(10):\n    print(i, flush=True)\n    time.sleep(0.1)\n1/0');
    notebook.start();
    await until('some text', () => notebook.text(0).includes('2\n'));
    await close();
    await sleep(2_000);
    const opened = Date.now();
    await reopen();
    await until('the error', () => notebook.text(0).includes('ZeroDivisionError'));
    await until('the end of the cell', () => notebook.success(0) !== undefined);
    assert.match(notebook.text(0), /^0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n\nZeroDivisionError: division by zero$/);
    assert.deepEqual([notebook.success(0), notebook.count(0)], [false, 1]);
    const { timing } = notebook.cell(0).executionSummary ?? assert.fail();
    assert.ok(timing !== undefined && timing.endTime - timing.startTime >= 900, JSON.stringify(timing));
    assert.ok(timing.endTime < opened, `it ended at ${timing.endTime}, before the notebook was opened at ${opened}`);
  });

  it('leaves an error as it was saved, and links later errors to cells that ran before', async () => {
    notebook = await open('import json\ndef f():\n    json.loads("{")', 'f()', 'json.load');
    await notebook.run(0);
    await notebook.run(1);
    await close();
    await reopen();
    const { document } = notebook.cell(2);
    const suggested = async () =>
      (
        await vscode.commands.executeCommand<vscode.CompletionList>(
          'vscode.executeCompletionItemProvider',
          document.uri,
          document.lineAt(0).range.end,
          undefined,
          10,
        )
      ).items.some(({ detail }) => detail?.includes('kernel'));
    for (const end = Date.now() + 30_000; !(await suggested()); await sleep(100)) {
      assert.ok(Date.now() < end, 'it is attached');
    }
    assert.equal(notebook.document.isDirty, false);
    await notebook.run(1);
    const { stack } = JSON.parse(new TextDecoder().decode(notebook.cell(1).outputs[0]?.items[0]?.data)) as Error;
    assert.match(stack ?? '', /In\[1\].*, line 3/);
  });

  it('interrupts a cell that already runs when it is opened', async () => {
    notebook = await open(
      'import time\nfor i in range(10_000):\n    print(i, flush=True)\n    time.sleep(0.2)',
      '"alive"',
    );
    notebook.start(0, 1);
    await until('some text', () => notebook.text(0).includes('5\n'));
    await close();
    await reopen();
    const saved = notebook.text(0);
    await until('more text: it is attached', () => notebook.text(0).length > saved.length);
    await vscode.commands.executeCommand('notebook.cancelExecution', {
      ranges: [{ start: 0, end: 1 }],
      document: notebook.document.uri,
    });
    await until('the interrupt', () => notebook.text(0).includes('KeyboardInterrupt'));
    await notebook.run(1);
    assert.equal(notebook.text(1), "'alive'");
  });

  it('asks an unanswered question again, and keeps earlier answers', async () => {
    const asked: string[] = [];
    const answers = new Map([['one? ', 'first']]);
    const shown = (box: vscode.InputBox) => {
      asked.push(box.prompt ?? '');
      const known = answers.get(box.prompt ?? '');
      if (known !== undefined) {
        answer(box, known);
      }
    };
    notebook = await open('a = input("one? ")\nb = input("two? ")\nprint(a, b)');
    await boxes(shown, async () => {
      notebook.start();
      await until('the second prompt', () => asked.includes('two? '));
      await close();
    });
    answers.set('two? ', 'second');
    await boxes(shown, async () => {
      await reopen();
      await notebook.ended(0);
    });
    assert.equal(notebook.text(0), 'one? first\ntwo? second\nfirst second\n');
    assert.deepEqual(asked, ['one? ', 'two? ', 'two? ']);
  });

  it('asks again what a cell had asked before one of its processes requested an installation, and continues both', async () => {
    notebook = await open(
      'import subprocess, sys\ninstall = subprocess.Popen([sys.executable, "-m", "pip", "install", "six"])\nname = input("Name? ")\nprint(name, install.wait())',
    );
    let asked = 0;
    await boxes(
      () => {
        asked += 1;
      },
      async () => {
        notebook.start();
        await until('the prompt', () => asked > 0);
        await close();
      },
    );
    await boxes(
      (box) => answer(box, 'Ada'),
      async () => {
        await reopen();
        await notebook.ended(0);
      },
    );
    assert.match(notebook.text(0), /Ada 0\n$/);
  });

  it('replaces a display that an earlier window showed', async () => {
    notebook = await open(
      'from IPython.display import display\nh = display("before", display_id=True)',
      'h.update("after")',
    );
    await notebook.run(0);
    await sleep(3_500); // VS Code has certainly saved it by then, so it is not written again
    await close();
    await reopen();
    await notebook.run(1);
    await until('the update', () => notebook.text(0) === "'after'");
  });

  /** Renames a file or folder as the Explorer does. */
  async function rename(from: vscode.Uri, to: string, notebookThere = to): Promise<void> {
    const edit = new vscode.WorkspaceEdit();
    edit.renameFile(from, vscode.Uri.file(to));
    assert.ok(await vscode.workspace.applyEdit(edit));
    await reopen(vscode.Uri.file(notebookThere));
  }

  for (const minutes of [10, 0]) {
    it(`keeps its sandbox under another name with keepAlive ${minutes}`, async () => {
      await set('keepAlive', minutes);
      try {
        notebook = await open('x = 1', 'x');
        await notebook.run(0);
        await notebook.document.save();
        await rename(notebook.document.uri, path.join(folder, 'renamed.ipynb'));
        await notebook.run(1);
        assert.deepEqual([notebook.text(1), notebook.count(1)], ['1', 2]);
      } finally {
        await set('keepAlive', 10);
      }
    });
  }

  it('continues its cell after it was moved to another folder and after that folder was renamed, and shares nothing with a copy', async () => {
    notebook = await open(
      'import time\nfor i in range(10_000):\n    print(i, flush=True)\n    time.sleep(0.1)',
      '"i" in globals()',
    );
    notebook.start(0, 1);
    const goesOn = async () => {
      const lines = notebook.text(0).split('\n').length;
      await until('more text', () => notebook.text(0).split('\n').length > lines + 3);
    };
    await goesOn();
    const others = await containersOf(notebook);
    assert.equal(others.length, 1);
    await notebook.document.save();
    const copy = vscode.Uri.file(path.join(folder, 'copy.ipynb'));
    await vscode.workspace.fs.copy(notebook.document.uri, copy);
    await rename(notebook.document.uri, path.join(folder, 'deep', 'moved.ipynb'));
    await goesOn();
    await notebook.document.save();
    await rename(
      vscode.Uri.file(path.join(folder, 'deep')),
      path.join(folder, 'deeper'),
      path.join(folder, 'deeper', 'moved.ipynb'),
    );
    await goesOn();
    await command('interruptKernel');
    await until('the interrupt', () => notebook.text(0).includes('KeyboardInterrupt'));
    const printed = notebook.text(0).split('\n\n')[0]?.trim().split('\n') ?? [];
    assert.deepEqual(
      printed,
      printed.map((_, i) => String(i)),
    );
    const other = await OpenNotebook.at(copy);
    await other.run(1);
    assert.equal(other.text(1), 'False');
    await command('shutDownSandbox', copy);
    await other.close();
  });

  it('shows the run of a cell that was changed in the file meanwhile to its end, and then runs the new source', async () => {
    notebook = await open(loop(40));
    notebook.start();
    await until('some text', () => notebook.text(0).includes('5\n'));
    await close();
    const file = notebook.document.uri.fsPath;
    const content = JSON.parse(readFileSync(file, 'utf8')) as { cells: { source: string }[] };
    writeFileSync(file, JSON.stringify({ ...content, cells: content.cells.map((cell) => ({ ...cell, source: 'i' })) }));
    await reopen();
    await notebook.ended(0);
    assert.deepEqual([notebook.text(0), notebook.success(0)], [`${numbers(40)}\n42`, true]);
    assert.equal(notebook.cell(0).document.getText(), 'i');
    await notebook.run(0);
    assert.deepEqual([notebook.text(0), notebook.count(0)], ['39', 2]);
  });

  it('reports that its running cell was removed from the file meanwhile, and can interrupt that cell', async () => {
    notebook = await open(FOREVER, '"alive"');
    notebook.start(0, 1);
    await notebook.running(0);
    const container = await containerOf(notebook);
    await close();
    const file = notebook.document.uri.fsPath;
    const content = JSON.parse(readFileSync(file, 'utf8')) as { cells: unknown[] };
    writeFileSync(file, JSON.stringify({ ...content, cells: content.cells.slice(1) }));
    const told: string[] = [];
    await stub(
      'showInformationMessage',
      (text: string) => {
        told.push(text);
        return Promise.resolve(undefined);
      },
      async () => {
        await reopen();
        await until('the message', () =>
          told.some((text) => /work\.ipynb: cells that ran meanwhile are no longer in the notebook/.test(text)),
        );
      },
    );
    await command('interruptKernel');
    await notebook.run(0);
    assert.equal(notebook.text(0), "'alive'");
    assert.equal(await containerOf(notebook), container);
  });

  it('gets a sandbox of its own if it is a copy', async () => {
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

  it('reports in its next cell what became of its sandbox', async () => {
    notebook = await open('x = 1', '"x" in globals()');
    await notebook.run(0);
    const container = await containerOf(notebook);
    await close();
    await engine('DELETE', `/containers/${container}?force=true`);
    await reopen();
    await notebook.run(1);
    assert.match(
      notebook.text(1),
      /^This is a new sandbox, because the previous one ended\. Its container was removed\. Its variables and files are lost\. [^]*\nFalse$/,
    );
  });

  /** Opens the notebook again while its sandbox is paused, so that the sandbox is not found before `work` has begun. */
  async function beforeItIsFound(work: () => unknown): Promise<void> {
    const container = await containerOf(notebook);
    await close();
    const pause = () => engine('POST', `/containers/${container}/pause`);
    await pause().catch(pause); // a busy computer may take too long to freeze it
    await reopen();
    const done = work();
    await engine('POST', `/containers/${container}/unpause`);
    await done;
  }

  it('can be restarted before its sandbox is found: the running cell has ended, and the next one runs in a fresh kernel', async () => {
    notebook = await open('x = 1', FOREVER, 'print("x" in globals())');
    await notebook.run(0);
    const container = await containerOf(notebook);
    notebook.start(1, 2);
    await notebook.running(1);
    await beforeItIsFound(() => command('restartKernel'));
    await notebook.run(2);
    assert.deepEqual([notebook.text(2), notebook.count(2)], ['False\n', 1]);
    assert.equal(await containerOf(notebook), container);
  });

  it('can be restarted and run from the top before its sandbox is found', async () => {
    notebook = await open('n = globals().get("n", 0) + 1\nn', FOREVER);
    await notebook.run(0);
    notebook.start(1, 2);
    await notebook.running(1);
    const before = notebook.cell(0).executionSummary;
    await beforeItIsFound(() => {
      void command('restartAndRunToHere', notebook.cell(0));
    });
    await notebook.ended(0, before);
    assert.deepEqual([notebook.text(0), notebook.count(0)], ['1', 1]);
  });

  it('can be shut down before its sandbox is found, which ends the sandbox', async () => {
    notebook = await open('x = 1', 'print("x" in globals())');
    await notebook.run(0);
    const container = await containerOf(notebook);
    await close();
    engineSocket.remove();
    try {
      await reopen();
      await sleep(300); // the look-up has begun and cannot succeed yet
    } finally {
      engineSocket.restore();
    }
    await command('shutDownSandbox');
    assert.ok(!(await isThere(container)));
    await notebook.run(1);
    assert.match(notebook.text(1), /^False\n$/);
  });

  it('keeps its sandbox if "Shut Down All Sandboxes" could not end it, and the user is told', async () => {
    notebook = await open('x = 6 * 7', 'x');
    await notebook.run(0);
    const container = await containerOf(notebook);
    await close();
    const said: string[] = [];
    try {
      await stub(
        'showErrorMessage',
        (text: string) => {
          said.push(text);
          return Promise.resolve(undefined);
        },
        () =>
          stub(
            'showWarningMessage',
            () => {
              engineSocket.remove(); // the engine goes away while the question is open
              return Promise.resolve('Shut Down All');
            },
            async () => {
              await vscode.commands.executeCommand('sandboxedIPython.shutDownAllSandboxes');
            },
          ),
      );
    } finally {
      engineSocket.restore();
    }
    assert.match(said.join('\n'), /^0 of \d+ sandboxes were shut down\. .*container engine/);
    await reopen();
    await notebook.run(1);
    assert.deepEqual([notebook.text(1), await containerOf(notebook)], ['42', container]);
  });

  it('loses its libraries too if it is shut down after its sandbox was removed, once no container uses them', async () => {
    notebook = await open('1');
    await notebook.run(0);
    const container = await containerOf(notebook);
    const {
      Image,
      Mounts: [libraries],
    } =
      (await engine<{ Image: string; Mounts: { Name: string }[] }>('GET', `/containers/${container}/json`)) ??
      assert.fail();
    await close();
    const Mounts = [{ Type: 'volume', Source: libraries?.Name, Target: '/libraries' }];
    const user = await engine<{ Id: string }>('POST', '/containers/create', {
      Image,
      Cmd: ['none'],
      HostConfig: { Mounts },
    });
    await engine('DELETE', `/containers/${container}?force=true`);
    await reopen();
    const shut = command('shutDownSandbox');
    await sleep(500); // an engine refuses to remove a volume that a container uses
    await engine('DELETE', `/containers/${user?.Id}`);
    await shut;
    await assert.rejects(engine('GET', `/volumes/${libraries?.Name}`), /no such volume/);
  });

  it('shows and interrupts the cell that already runs if that cell is run again before its sandbox is found', async () => {
    notebook = await open(
      'import time\nfor i in range(10_000):\n    print(i, flush=True)\n    time.sleep(0.1)',
      'print("alive")',
    );
    notebook.start(0, 1);
    await until('some text', () => notebook.text(0).includes('3\n'));
    const before = notebook.cell(0).executionSummary;
    await beforeItIsFound(() => {
      notebook.start(0, 1);
    });
    await until('what it has printed', () => notebook.text(0).includes('15\n'));
    await vscode.commands.executeCommand('notebook.cancelExecution', {
      ranges: [{ start: 0, end: 1 }],
      document: notebook.document.uri,
    });
    await notebook.ended(0, before);
    assert.match(notebook.text(0), /^0\n1\n[^]*KeyboardInterrupt/);
    await notebook.run(1);
    assert.equal(notebook.text(1), 'alive\n');
  });

  it('shares nothing with the next untitled notebook of its name if it is untitled and closed without saving', async () => {
    const first = await OpenNotebook.of('x = "secret"');
    const others = await containersOf(first); // containers of other windows, which use the same names
    await first.run(0);
    const [container = ''] = (await containersOf(first)).filter((one) => !others.includes(one));
    await first.close();
    await until('it is closed', () => first.document.isClosed);
    notebook = await OpenNotebook.of('print(globals().get("x"))');
    assert.equal(notebook.document.uri.toString(), first.document.uri.toString());
    await notebook.run(0);
    assert.deepEqual([notebook.text(0), notebook.count(0)], ['None\n', 1]);
    await isRemoved(container);
  });

  it('is shut down by a command', async () => {
    notebook = await open('x = 1', '"x" in globals()');
    await notebook.run(0);
    await vscode.commands.executeCommand('sandboxedIPython.shutDownSandbox', notebook.document.uri);
    assert.ok(!(await hasSandbox(notebook)));
    await notebook.run(1);
    assert.equal(notebook.text(1), 'False');
  });

  it('is restarted and runs its cells from the top by a command', async () => {
    notebook = await open('n = globals().get("n", 0) + 1\nn', 'n + 1', 'n + 2');
    await notebook.runAll();
    const isRun = (...counts: number[]) =>
      until(`the counts ${counts.join()}`, () =>
        counts.every((count, i) => notebook.count(i) === count && notebook.success(i) === true),
      );
    await vscode.commands.executeCommand('sandboxedIPython.restartAndRunAll', notebook.document.uri);
    await isRun(1, 2, 3);
    assert.deepEqual(
      [0, 1, 2].map((i) => notebook.text(i)),
      ['1', '2', '3'],
    );
    await notebook.run(2);
    assert.equal(notebook.count(2), 4);
    await vscode.commands.executeCommand('sandboxedIPython.restartAndRunToHere', notebook.cell(1));
    await isRun(1, 2);
    await notebook.run(2);
    assert.equal(notebook.count(2), 3);
  });
});
