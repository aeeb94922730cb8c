import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { OpenNotebook, answer, boxes, set, stub, until, useTestBase } from './support';

const FOREVER = 'import time\nwhile True:\n    time.sleep(0.1)';
const STUBBORN =
  'import time\nwhile True:\n    try:\n        print("asleep", flush=True)\n        time.sleep(100)\n    except KeyboardInterrupt:\n        print("no", flush=True)';

describe('interrupt, restart, reset and prompts', () => {
  before(useTestBase);
  let notebook: OpenNotebook;
  const open = async (...sources: Parameters<typeof OpenNotebook.of>) => (notebook = await OpenNotebook.of(...sources));
  const command = (name: string, ...args: unknown[]) =>
    vscode.commands.executeCommand(`sandboxedIPython.${name}`, ...args);
  afterEach(() => notebook.close());

  it("the notebook's interrupt button ends the running cell and the waiting ones, and state is kept", async () => {
    await open('x = 7', FOREVER, 'print("never")', 'x');
    await notebook.run(0);
    notebook.start(1, 3);
    await notebook.running(1);
    await vscode.commands.executeCommand('notebook.cancelExecution');
    await Promise.all([notebook.ended(1), notebook.ended(2)]);
    assert.match(notebook.text(1), /^KeyboardInterrupt/);
    assert.equal(notebook.text(2), '');
    await notebook.run(3);
    assert.equal(notebook.text(3), '7');
  });

  it('a cell that swallows interrupts is ended by the third press, and its output says so', async () => {
    await open(STUBBORN, '1');
    notebook.start(0, 1);
    await notebook.running(0);
    for (const press of [1, 2, 3]) {
      await until(
        `the cell sleeps where it swallows press ${press}`,
        () => notebook.text(0).split('asleep\n').length > press,
      );
      await command('interruptKernel');
    }
    await notebook.ended(0);
    assert.equal(notebook.text(0).split('no\n').length - 1, 2);
    assert.match(notebook.text(0), /Interrupted: .*variables are lost/);
    await notebook.run(1);
    assert.deepEqual([notebook.text(1), notebook.count(1)], ['1', 1]);
  });

  const withinASecond = async (cell: number) => {
    await set('timeout', 1);
    try {
      await notebook.run(cell);
    } finally {
      await set('timeout', undefined);
    }
  };

  it('a cell over the time limit is interrupted and names the setting that helps, and a new limit applies from the next cell on', async () => {
    await open('x = 1', FOREVER, 'x');
    await notebook.run(0);
    await withinASecond(1);
    assert.match(
      notebook.text(1),
      /^KeyboardInterrupt[^]*TimedOut: The cell ran longer than 1 s .* sandboxedIPython\.timeout/,
    );
    await notebook.run(2);
    assert.equal(notebook.text(2), '1');
  });

  it('a cell over the time limit that swallows the interrupt is ended with its kernel, and its output says so', async () => {
    await open('x = 1', STUBBORN, '"x" in globals()');
    await notebook.run(0);
    await withinASecond(1);
    assert.match(
      notebook.text(1),
      /TimedOut: The cell ran longer than 1 s and did not react to an interrupt, so its kernel was ended and its variables are lost\. .*sandboxedIPython\.timeout/,
    );
    await notebook.run(2);
    assert.deepEqual([notebook.text(2), notebook.count(2)], ['False', 1]);
  });

  it('"Reset Sandbox State" ends running and queued cells, deletes variables and starts the count at 1', async () => {
    await open('x = 7', FOREVER, 'print("never")', 'x');
    await notebook.run(0);
    notebook.start(1, 3);
    await notebook.running(1);
    await command('resetSandboxState');
    await Promise.all([notebook.ended(1), notebook.ended(2)]);
    assert.equal(notebook.success(1), false);
    assert.match(notebook.text(1), /Aborted: This cell was ended because the kernel was restarted/);
    assert.equal(notebook.text(2), '');
    await notebook.run(3);
    assert.match(notebook.text(3), /^NameError: name 'x' is not defined/);
    assert.equal(notebook.count(3), 1);
  });

  it('"Restart Kernel" keeps files, and both commands accept the toolbar\'s argument and a Uri', async () => {
    await open('open("kept.txt", "w").write("here"); x = 1', 'print(open("kept.txt").read(), "x" in globals())');
    await notebook.run(0);
    await command('restartKernel', { notebookEditor: { notebookUri: notebook.document.uri } });
    await notebook.run(1);
    assert.deepEqual([notebook.text(1), notebook.count(1)], ['here False\n', 1]);
    await notebook.run(0);
    await command('resetSandboxState', notebook.document.uri);
    await notebook.run(1);
    assert.deepEqual([notebook.text(1), notebook.count(1)], ['here False\n', 1]);
  });

  it('a cell that is run during a reset runs in the fresh kernel', async () => {
    await open('x = 7', '"x" in globals()');
    await notebook.run(0);
    const reset = command('resetSandboxState');
    await notebook.run(1);
    await reset;
    assert.deepEqual([notebook.text(1), notebook.count(1), notebook.success(1)], ['False', 1, true]);
  });

  it('input() asks in a box that names the cell, and the answer stays in the output', async () => {
    await open('name = input("Name? ")\nprint("Hello", name)');
    let asked: vscode.InputBox | undefined;
    await boxes(
      (box) => {
        asked = box;
        answer(box, 'Ada');
      },
      () => notebook.run(0),
    );
    assert.equal(asked?.prompt, 'Name? ');
    assert.match(asked.title ?? '', /^Cell \[1\] of .* asks$/);
    assert.equal(asked.password, false);
    assert.equal(notebook.text(0), 'Name? Ada\nHello Ada\n');
  });

  it('getpass() hides the answer, also in the output', async () => {
    await open('from getpass import getpass\nprint(len(getpass("Key: ")))');
    let password: boolean | undefined;
    await boxes(
      (box) => {
        ({ password } = box);
        answer(box, 'secret');
      },
      () => notebook.run(0),
    );
    assert.equal(password, true);
    assert.equal(notebook.text(0), 'Key: ········\n6\n');
  });

  it('Escape at a prompt interrupts the cell, and a cell that ends closes its prompt', async () => {
    await open('input("?")', 'input("again?")');
    await boxes(
      () => {
        void command('escapePrompt');
      },
      () => notebook.run(0),
    );
    assert.match(notebook.text(0), /KeyboardInterrupt/);
    let closed = false;
    let shown = false;
    await boxes(
      (box) => {
        shown = true;
        const dispose = box.dispose.bind(box);
        box.dispose = () => {
          closed = true;
          dispose();
        };
      },
      async () => {
        notebook.start(1, 2);
        await until('the prompt', () => shown);
        await command('interruptKernel');
        await notebook.ended(1);
        await until('the prompt is closed', () => closed);
      },
    );
  });

  it('another box that opens over a prompt does not count as Escape, and the prompt opens again with what was typed', async () => {
    await open('name = input("Name? ")\nprint("Hello", name)');
    const shown: vscode.InputBox[] = [];
    let reminded = '';
    let remember: (chosen: string) => void = () => undefined;
    const remind = (text: string) => {
      reminded = text;
      return new Promise((resolve) => {
        remember = resolve;
      });
    };
    await stub('showInformationMessage', remind, () =>
      boxes(
        (box) => shown.push(box),
        async () => {
          notebook.start();
          await until('the prompt', () => shown.length > 0);
          if (shown[0] !== undefined) {
            shown[0].value = 'Ad';
          }
          void vscode.commands.executeCommand('workbench.action.quickOpen');
          await until('the word that the cell waits', () => reminded !== '');
          assert.match(reminded, /^Cell \[1\] of .* waits for your input: Name\? /);
          await vscode.commands.executeCommand('workbench.action.closeQuickOpen');
          assert.equal(notebook.success(0), undefined, 'it runs');
          remember('Answer');
          const [, again] = await until('the prompt again', () => (shown.length > 1 ? shown : false));
          assert.ok(again);
          answer(again, `${again.value}a`);
          await notebook.ended(0);
        },
      ),
    );
    assert.equal(notebook.text(0), 'Name? Ada\nHello Ada\n');
  });

  it('two notebooks that ask at the same time both get their answers', async () => {
    await open('print(input("first? "))');
    const first = notebook;
    const second = await OpenNotebook.of('print(input("second? "))');
    try {
      const asked: string[] = [];
      await boxes(
        (box) => {
          asked.push(box.prompt ?? '');
          if (asked.length > 1) {
            answer(box, `to ${box.prompt}`);
          } else {
            setTimeout(() => answer(box, `to ${box.prompt}`), 1_500);
          } // both cells wait by then
        },
        async () => {
          first.start();
          second.start();
          await Promise.all([first.ended(0), second.ended(0)]);
        },
      );
      assert.deepEqual(asked.sort(), ['first? ', 'second? ']);
      assert.deepEqual(
        [first.text(0), second.text(0)],
        ['first? to first? \nto first? \n', 'second? to second? \nto second? \n'],
      );
    } finally {
      await second.close();
    }
  });

  it('a kernel that dies reports the reason, and the next cell runs in a fresh kernel', async () => {
    await open('import os; os._exit(3)', '"x" in globals()');
    await notebook.run(0);
    assert.match(notebook.text(0), /^KernelDied: Python ended with exit code 3\./);
    await notebook.run(1);
    assert.deepEqual([notebook.text(1), notebook.count(1)], ['False', 1]);
  });

  it('closing a notebook ends its cells', async () => {
    await open(FOREVER);
    notebook.start();
    await notebook.running(0);
    const other = await OpenNotebook.of('1');
    await notebook.close();
    notebook = other;
    await other.run(0);
    assert.equal(other.text(0), '1');
  });
});
