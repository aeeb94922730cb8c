import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { OpenNotebook, useTestBase } from './support';

describe('the live kernel, for one who types', () => {
  let notebook: OpenNotebook;
  before(async () => {
    await useTestBase();
    notebook = await OpenNotebook.of(
      'class Rocket:\n    def launch(self, when, crew=3):\n        """Goes up."""\nrocket = Rocket()\nstages = {"first 🚀": 1}', 'x = "🚀"; rocket.la', 'rocket.launch("🚀, (", crew=', 'import time; print("busy"); time.sleep(3)');
  });
  after(() => notebook.close());

  const end = (index: number): vscode.Position => {
    const { document } = notebook.cell(index);
    return document.positionAt(document.getText().length);
  };
  const complete = async (index: number): Promise<vscode.CompletionItem[]> => (await vscode.commands.executeCommand<vscode.CompletionList>(
    'vscode.executeCompletionItemProvider', notebook.cell(index).document.uri, end(index), undefined, 10)).items.filter(({ detail }) => detail?.includes('kernel'));

  it('has nothing to say, and starts nothing, before a cell has run', async () => {
    assert.deepEqual(await complete(1), []);
  });

  it('completes attributes of live objects, with documentation; characters outside the basic plane count as one', async () => {
    await notebook.run(0);
    const [launch, ...others] = await complete(1);
    assert.deepEqual([launch?.label, others.length], ['launch', 0]);
    const range = launch?.range as vscode.Range;
    assert.equal(notebook.cell(1).document.getText(range), 'la');
    const { document: { uri } } = notebook.cell(1);
    const [hover] = await vscode.commands.executeCommand<vscode.Hover[]>('vscode.executeHoverProvider', uri, end(1).translate(0, -4));
    assert.match((hover?.contents[0] as vscode.MarkdownString | undefined)?.value ?? '', /class Rocket|Rocket object/i);
  });

  it('helps with the signature of what is called, and marks the argument', async () => {
    const help = await vscode.commands.executeCommand<vscode.SignatureHelp | undefined>('vscode.executeSignatureHelpProvider', notebook.cell(2).document.uri, end(2));
    assert.equal(help?.signatures[0]?.label, 'rocket.launch(when, crew=3)');
    assert.equal(help.activeParameter, 1);
    assert.match((help.signatures[0]?.documentation as vscode.MarkdownString).value, /Goes up\./);
  });

  it('does not let one wait while a cell runs', async () => {
    notebook.start(3, 4);
    await notebook.running(3);
    const asked = performance.now();
    assert.deepEqual(await complete(1), []);
    assert.ok(performance.now() - asked < 2_000);
    await notebook.ended(3);
  });
});
