import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { OpenNotebook, useTestBase } from './support';

describe('the live kernel, for a user who types', () => {
  let notebook: OpenNotebook;
  before(async () => {
    await useTestBase();
    notebook = await OpenNotebook.of(
      'class Rocket:\n    def launch(self, when, crew=3):\n        """Goes up."""\nrocket = Rocket()\nstages = {"first 🚀": 1}',
      'x = "🚀"; rocket.la',
      'rocket.launch("🚀, (", crew=',
      'import time; print("busy"); time.sleep(3)',
      'class Broken:\n    "Breaks.\\n   ```\\n![seen](https://picture.invalid/seen.png)"\nBroken',
    );
  });
  after(() => notebook.close());

  const end = (index: number): vscode.Position => {
    const { document } = notebook.cell(index);
    return document.positionAt(document.getText().length);
  };
  const complete = async (index: number): Promise<vscode.CompletionItem[]> =>
    (
      await vscode.commands.executeCommand<vscode.CompletionList>(
        'vscode.executeCompletionItemProvider',
        notebook.cell(index).document.uri,
        end(index),
        undefined,
        10,
      )
    ).items.filter(({ detail }) => detail?.includes('kernel'));

  it('offers nothing and starts nothing before a cell has run', async () => {
    assert.deepEqual(await complete(1), []);
  });

  it('completes attributes of live objects, with documentation, and counts characters outside the basic plane as one', async () => {
    await notebook.run(0);
    const [launch, ...others] = await complete(1);
    assert.deepEqual([launch?.label, others.length], ['launch', 0]);
    const range = launch?.range as vscode.Range;
    assert.equal(notebook.cell(1).document.getText(range), 'la');
    const {
      document: { uri },
    } = notebook.cell(1);
    const [hover] = await vscode.commands.executeCommand<vscode.Hover[]>(
      'vscode.executeHoverProvider',
      uri,
      end(1).translate(0, -4),
    );
    assert.match((hover?.contents[0] as vscode.MarkdownString | undefined)?.value ?? '', /class Rocket|Rocket object/i);
  });

  it('shows signature and docstring of hovered and offered names as inert text', async () => {
    const {
      document: { uri },
    } = notebook.cell(2);
    const [hover] = await vscode.commands.executeCommand<vscode.Hover[]>(
      'vscode.executeHoverProvider',
      uri,
      new vscode.Position(0, 9),
    );
    assert.equal(hover?.contents.length, 1);
    const shown = (hover.contents[0] as vscode.MarkdownString).value.trim();
    assert.match(
      shown,
      /^```text\n[^]*Signature: *rocket\.launch\(when, crew=3\)\n[^]*Docstring: *Goes up\.[^]*\n```$/,
    );
    const [launch] = await complete(1);
    assert.match(
      (launch?.documentation as vscode.MarkdownString | undefined)?.value ?? '',
      /^\s*```text\n[^]*Goes up\.[^]*\n```\s*$/,
    );
  });

  it('shows documentation as text even if it ends a Markdown block with an indented fence', async () => {
    await notebook.run(4);
    const {
      document: { uri },
    } = notebook.cell(4);
    const [hover] = await vscode.commands.executeCommand<vscode.Hover[]>(
      'vscode.executeHoverProvider',
      uri,
      new vscode.Position(2, 1),
    );
    const { value, isTrusted, supportHtml, supportThemeIcons } = hover?.contents[0] as vscode.MarkdownString;
    assert.match(value, /^\n````text\n[^]*\n {3}```\n!\[seen\][^]*\n````\n$/);
    assert.deepEqual([isTrusted, supportHtml, supportThemeIcons].filter(Boolean), []);
  });

  it('offers no name that a language server offers, even to a second request at the same time', async () => {
    const { getExtension } = vscode.extensions;
    const server = vscode.languages.registerCompletionItemProvider(
      { notebookType: 'jupyter-notebook', language: 'python' },
      {
        provideCompletionItems: async () => {
          await new Promise((resolve) => {
            setTimeout(resolve, 100);
          });
          return [new vscode.CompletionItem('launch', vscode.CompletionItemKind.Method)];
        },
      },
    );
    const isActive = (id: string) => (id === 'ms-python.vscode-pylance' ? { isActive: true } : getExtension(id));
    Object.defineProperty(vscode.extensions, 'getExtension', { value: isActive, configurable: true, writable: true });
    try {
      await notebook.edit(1, 'rocket.la');
      assert.deepEqual(
        (await complete(1)).map(({ label }) => label),
        [],
        'the server has it',
      );
      await notebook.edit(1, 'rocket.__');
      const names = (await Promise.all([complete(1), complete(1)])).map((items) => items.map(({ label }) => label));
      for (const found of names) {
        assert.ok(found.includes('__class__') && !found.includes('launch'), JSON.stringify(found));
      }
    } finally {
      Object.defineProperty(vscode.extensions, 'getExtension', {
        value: getExtension,
        configurable: true,
        writable: true,
      });
      server.dispose();
    }
    await notebook.edit(1, 'rocket.la');
    assert.deepEqual(
      (await complete(1)).map(({ label }) => label),
      ['launch'],
    );
  });

  it('shows the signature of the called function and marks the argument', async () => {
    const help = await vscode.commands.executeCommand<vscode.SignatureHelp | undefined>(
      'vscode.executeSignatureHelpProvider',
      notebook.cell(2).document.uri,
      end(2),
    );
    assert.equal(help?.signatures[0]?.label, 'launch(when, crew=3)');
    assert.equal(help.activeParameter, 1);
    assert.match((help.signatures[0]?.documentation as vscode.MarkdownString).value, /Goes up\./);
  });

  it('does not delay the user while a cell runs', async () => {
    notebook.start(3, 4);
    await notebook.running(3);
    const asked = performance.now();
    assert.deepEqual(await complete(1), []);
    assert.ok(performance.now() - asked < 2_000);
    await notebook.ended(3);
  });
});
