import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as vscode from 'vscode';
import { OpenNotebook, containerOf, engine, engineSocket, hasSandbox, set, stub, until, useTestBase } from './support';

describe('a command', () => {
  before(useTestBase);
  const notebooks: OpenNotebook[] = [];
  let count = 0;
  const folder = mkdtempSync(path.join(os.tmpdir(), 'commands-'));
  /** Opens a notebook with a file, whose name no notebook of another window uses on the engine. */
  const open = async (...sources: string[]): Promise<OpenNotebook> => {
    const notebook = await OpenNotebook.saved(path.join(folder, `book-${(count += 1)}.ipynb`), ...sources);
    notebooks.push(notebook);
    return notebook;
  };
  afterEach(async () => {
    engineSocket.restore();
    for (const notebook of notebooks.splice(0)) {
      await notebook.close();
    }
    await set('files', undefined);
    await set('historySize', undefined);
    await useTestBase();
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const command = (name: string, ...more: unknown[]): Thenable<unknown> =>
    vscode.commands.executeCommand(`sandboxedIPython.${name}`, ...more);

  /** Presses this button on every message during `work`. Returns the messages. */
  async function answering(button: string | undefined, work: () => Thenable<unknown>): Promise<string[]> {
    const said: string[] = [];
    const message = (text: string, ...buttons: unknown[]): Promise<string | undefined> => {
      said.push(text);
      return Promise.resolve(buttons.find((one): one is string => one === button));
    };
    await stub('showInformationMessage', message, () =>
      stub('showWarningMessage', message, async () => {
        await work();
      }),
    );
    return said;
  }

  it('"Rebuild Image" names every notebook with the previous image, and a reset gives it the new image and its installed packages', async function () {
    this.timeout(120_000);
    const [first, second] = [await open('import toolz; toolz.__name__'), await open('1')];
    await second.run(0);
    await command('installPackages', first.document.uri, ['toolz']);
    const before = await containerOf(first);
    const imageOf = async (id: string): Promise<string> =>
      (await engine<{ Image: string }>('GET', `/containers/${id}/json`))?.Image ?? '';
    const image = await imageOf(before);
    const [said = ''] = await answering(undefined, () => command('rebuildImage'));
    const nameOf = ({ document: { uri } }: OpenNotebook): string => uri.path.slice(uri.path.lastIndexOf('/') + 1);
    for (const notebook of [first, second]) {
      assert.ok(said.includes(nameOf(notebook)), said);
    }
    assert.match(said, /was rebuilt[^]*the old image until a reset/);
    const told = await answering(undefined, async () => {
      await command('resetSandboxState', first.document.uri);
      await first.run(0);
    });
    assert.equal(first.text(0), "'toolz'");
    assert.doesNotMatch(told.join('\n'), /lacks/);
    const now = await containerOf(first);
    assert.notEqual(now, before);
    assert.notEqual(await imageOf(now), image);
  });

  it('"Remove Unused Images" asks first, with the number and size of the images, and removes none without confirmation', async () => {
    interface Image {
      Id: string;
    }
    // The image of the settings, as an earlier version of the extension has left it.
    const tag = `t${Date.now()}`;
    const notebook = await open('1');
    await notebook.run(0);
    const { Id = '' } =
      (await engine<Image>(
        'POST',
        `/commit?container=${await containerOf(notebook)}&repo=sandboxed-ipython/kernel&tag=${tag}&changes=${encodeURIComponent(`LABEL test=${tag}`)}`,
      )) ?? {};
    try {
      const said = await answering(undefined, () => command('removeUnusedImages'));
      assert.match(said.join(), /^Remove \d+ sandbox images, up to \d+(\.\d+)? [KMGT]?B\?$/i);
      assert.equal((await engine<Image>('GET', `/images/${Id}/json`))?.Id, Id);
    } finally {
      await engine('DELETE', `/images/sandboxed-ipython/kernel:${tag}?force=true`);
    }
  });

  it('"Shut Down All Sandboxes" ends the sandboxes of all notebooks', async () => {
    const [first, second] = [await open('1'), await open('x = 1', '"x" in globals()')];
    await first.run(0);
    await second.run(0);
    const said = await answering('Shut Down All', () => command('shutDownAllSandboxes'));
    assert.match(said.at(-1) ?? '', /^\d+ sandboxes were shut down\.$/);
    assert.deepEqual([await hasSandbox(first), await hasSandbox(second)], [false, false]);
    await second.run(1);
    assert.equal(second.text(1), 'False');
  });

  it('"Show Log" shows the log', async () => {
    await vscode.commands.executeCommand('workbench.action.closePanel');
    await command('showLog');
    await until('the log', () =>
      vscode.window.visibleTextEditors.some(
        ({ document }) => document.uri.scheme === 'output' && document.uri.path.includes('Sandboxed IPython'),
      ),
    );
    await vscode.commands.executeCommand('workbench.action.closePanel');
  });

  it('"Show Diagnostics" opens one page that need not be saved and that lists where an engine was looked for', async () => {
    const notebook = await open('1');
    const page = (): vscode.TextDocument | undefined => vscode.window.activeTextEditor?.document;
    engineSocket.remove();
    await notebook.run(0); // makes the extension forget the known engine
    await command('showDiagnostics');
    assert.match(page()?.getText() ?? '', /docker\.sock/);
    assert.deepEqual([page()?.isDirty, page()?.isUntitled, page()?.languageId], [false, false, 'markdown']);
    engineSocket.restore();
    await command('showDiagnostics');
    assert.match(page()?.getText() ?? '', /API 1\.\d+/, 'it is made anew');
    const tabs = vscode.window.tabGroups.all
      .flatMap((group) => group.tabs)
      .filter(({ label }) => label.includes('Diagnostics'));
    assert.deepEqual(
      tabs.map(({ isDirty }) => isDirty),
      [false],
    );
    await vscode.window.tabGroups.close(tabs);
  });

  it('that restarts and runs only shows a message in Restricted Mode', async () => {
    const notebook = await open('x = 1', 'print("ran")');
    await notebook.run(0);
    const isTrusted = Object.getOwnPropertyDescriptor(vscode.workspace, 'isTrusted');
    assert.ok(isTrusted);
    Object.defineProperty(vscode.workspace, 'isTrusted', { value: false, configurable: true });
    let said: string[];
    try {
      said = [
        ...(await answering(undefined, () => command('restartAndRunAll', notebook.document.uri))),
        ...(await answering(undefined, () => command('restartAndRunToHere', notebook.cell(1)))),
      ];
    } finally {
      Object.defineProperty(vscode.workspace, 'isTrusted', isTrusted);
    }
    assert.deepEqual(
      said,
      Array(2).fill('Cells run only in a workspace that you trust. This one is in Restricted Mode.'),
    );
    assert.equal(notebook.text(1), '');
    await notebook.edit(1, '"x" in globals()');
    await notebook.run(1);
    assert.equal(notebook.text(1), 'True', 'nothing was restarted');
  });

  it('"Reset Sandbox State" applies "files": "none", after a notice has said that the change needs a new sandbox', async () => {
    const notebook = await open('"ran"');
    await notebook.run(0);
    const before = await containerOf(notebook);
    const said: string[] = [];
    await stub(
      'showInformationMessage',
      (text: string) => {
        said.push(text);
        return Promise.resolve(undefined);
      },
      async () => {
        await set('files', 'none');
        await until('the notice', () => said.length > 0);
      },
    );
    assert.match(said[0] ?? '', /sandboxedIPython\.files takes effect with the next sandbox\./);
    await command('resetSandboxState');
    await notebook.run(0);
    assert.notEqual(await containerOf(notebook), before);
  });

  it('"Reset to Apply" gives historySize to the next kernel in the same sandbox', async () => {
    const notebook = await open('get_ipython().cache_size');
    await notebook.run(0);
    const before = await containerOf(notebook);
    const said: string[] = [];
    await stub(
      'showInformationMessage',
      (text: string, ...buttons: string[]) => {
        said.push(text);
        return Promise.resolve(buttons[0]);
      },
      async () => {
        await set('historySize', 7);
        await until('the notice', () => said.length > 0);
      },
    );
    assert.match(
      said[0] ?? '',
      /sandboxedIPython\.historySize takes effect with the next kernel\. A reset starts it: variables are lost, files stay\.$/,
    );
    for (const end = Date.now() + 20_000; notebook.text(0) !== '7' && Date.now() < end;) {
      await notebook.run(0);
    }
    assert.equal(notebook.text(0), '7');
    assert.equal(await containerOf(notebook), before);
  });
});
