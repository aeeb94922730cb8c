import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as vscode from 'vscode';
import { EXTENSION, OpenNotebook, useTestBase } from './support';

interface Manifest { contributes: { commands: { command: string }[] } }

describe('the extension', () => {
  it('registers the commands of its manifest, and no other', async () => {
    const extension = vscode.extensions.getExtension<unknown>(EXTENSION);
    assert.ok(extension);
    await extension.activate();
    const registered = (await vscode.commands.getCommands(true)).filter((id) => id.startsWith('sandboxedIPython.')).sort();
    assert.deepEqual(registered, (extension.packageJSON as Manifest).contributes.commands.map(({ command }) => command).sort());
  });

  it('touches no engine when it is activated, and its commands do nothing without a notebook', async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    await vscode.commands.executeCommand('sandboxedIPython.resetSandboxState');
    await vscode.commands.executeCommand('sandboxedIPython.interruptKernel');
  });
});

describe('a saved notebook', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'saved-'));
  before(useTestBase);
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('looks like Jupyter\'s', async () => {
    const notebook = await OpenNotebook.saved(path.join(folder, 'saved.ipynb'),
      'import sys\nprint("out")\nprint("err", file=sys.stderr)\n42',
      'from IPython.display import display, HTML\ndisplay(HTML("<b>x</b>"), metadata={"text/html": {"isolated": True}})\ndisplay({"image/png": "iVBORw0KGgo=", "text/plain": "p"}, raw=True)',
      { code: '1 / 0', tags: ['raises-exception'] });
    try {
      await notebook.runAll();
      assert.ok(await notebook.document.save());
      const saved = JSON.parse(readFileSync(notebook.document.uri.fsPath, 'utf8')) as Saved;
      assert.equal(complaintOfNbformat(notebook.document.uri.fsPath), '');
      assert.deepEqual([saved.nbformat, saved.nbformat_minor], [4, 5]);
      const [first, second, third] = saved.cells;
      assert.deepEqual(first?.outputs, [
        { name: 'stdout', output_type: 'stream', text: ['out\n'] },
        { name: 'stderr', output_type: 'stream', text: ['err\n'] },
        { data: { 'text/plain': ['42'] }, execution_count: 1, metadata: {}, output_type: 'execute_result' },
      ]);
      assert.equal(first?.execution_count, 1);
      assert.deepEqual(second?.outputs, [
        { data: { 'text/html': ['<b>x</b>'], 'text/plain': ['<IPython.core.display.HTML object>'] }, metadata: { 'text/html': { isolated: true } }, output_type: 'display_data' },
        { data: { 'image/png': 'iVBORw0KGgo=', 'text/plain': ['p'] }, metadata: {}, output_type: 'display_data' },
      ]);
      const error = third?.outputs[0] as { ename: string; evalue: string; output_type: string; traceback: string[] };
      assert.deepEqual([error.output_type, error.ename, error.evalue], ['error', 'ZeroDivisionError', 'division by zero']);
      assert.ok(error.traceback.length > 1 && error.traceback.at(-1)?.includes('ZeroDivisionError'));
    } finally {
      await notebook.close();
    }
  });
});

/** What Jupyter's own reader says against a file; empty if nothing. */
function complaintOfNbformat(file: string): string {
  const python = process.env['SANDBOXED_IPYTHON_PYTHON_TOOLS'];
  assert.ok(python, 'SANDBOXED_IPYTHON_PYTHON_TOOLS is not set: run the tests by `npm test -- extension`');
  const script = 'import nbformat, sys; nbformat.validate(nbformat.read(sys.argv[1], as_version=nbformat.NO_CONVERT))';
  const { status, stderr } = spawnSync(python, ['-W', 'error', '-c', script, file], { encoding: 'utf8', timeout: 60_000 });
  return status === 0 ? '' : stderr || `exit status ${status}`;
}

interface Saved { nbformat: number; nbformat_minor: number; cells: { outputs: unknown[]; execution_count: number | null }[] }
