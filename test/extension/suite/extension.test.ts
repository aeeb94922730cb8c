import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as vscode from 'vscode';
import { EXTENSION, OpenNotebook, set, until, useTestBase } from './support';

interface Manifest {
  contributes: { commands: { command: string }[] };
}

describe('the extension', () => {
  it('registers exactly the commands of its manifest', async () => {
    const extension = vscode.extensions.getExtension<unknown>(EXTENSION);
    assert.ok(extension);
    await extension.activate();
    const registered = (await vscode.commands.getCommands(true))
      .filter((id) => id.startsWith('sandboxedIPython.'))
      .sort();
    assert.deepEqual(
      registered,
      (extension.packageJSON as Manifest).contributes.commands.map(({ command }) => command).sort(),
    );
  });

  it('uses no engine when it is activated, and its commands do nothing without a notebook', async () => {
    await vscode.commands.executeCommand('workbench.action.closeAllEditors');
    await vscode.commands.executeCommand('sandboxedIPython.resetSandboxState');
    await vscode.commands.executeCommand('sandboxedIPython.interruptKernel');
  });
});

describe('diagnostics', () => {
  before(useTestBase);

  it('name the engine, the image, versions and sandboxes, but no secret', async () => {
    const notebook = await OpenNotebook.of('1');
    process.env['HTTPS_PROXY'] = 'http://ada:planted-secret@proxy.example:3128';
    try {
      await notebook.run(0);
      await set('timeout', 77);
      await vscode.commands.executeCommand('sandboxedIPython.showDiagnostics');
      const page = vscode.window.activeTextEditor?.document.getText() ?? '';
      for (const told of [
        /- Sandboxed IPython: \d+\.\d+\.\d+/,
        /- docker \d+.*, API 1\.\d+/,
        /Endpoint: unix:/,
        /Base: .* \([0-9a-f]{12}\)/,
        /Sandbox image: [0-9a-f]{12}/,
        /ipynb: ready/,
        /sandboxedIPython\.timeout: 77/,
        /- HTTPS_PROXY/,
      ]) {
        assert.match(page, told);
      }
      assert.doesNotMatch(page, /planted-secret/);
    } finally {
      delete process.env['HTTPS_PROXY'];
      await set('timeout', undefined);
      await vscode.commands.executeCommand('workbench.action.revertAndCloseActiveEditor');
      await notebook.close();
    }
  });
});

describe('a saved notebook', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'saved-'));
  before(useTestBase);
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('looks like one that Jupyter saved', async () => {
    const notebook = await OpenNotebook.saved(
      path.join(folder, 'saved.ipynb'),
      'import sys\nprint("out")\nprint("err", file=sys.stderr)\n42',
      'from IPython.display import display, HTML\ndisplay(HTML("<b>x</b>"), metadata={"text/html": {"isolated": True}})\ndisplay({"image/png": "iVBORw0KGgo=", "text/plain": "p"}, raw=True, display_id="an-id", transient={"more": "for-now"});',
      { code: '1 / 0', tags: ['raises-exception'] },
    );
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
        {
          data: { 'text/html': ['<b>x</b>'], 'text/plain': ['<IPython.core.display.HTML object>'] },
          metadata: { 'text/html': { isolated: true } },
          output_type: 'display_data',
        },
        { data: { 'image/png': 'iVBORw0KGgo=', 'text/plain': ['p'] }, metadata: {}, output_type: 'display_data' },
      ]);
      assert.doesNotMatch(
        JSON.stringify(saved.cells.map(({ outputs, metadata }) => [outputs, metadata])),
        /transient|an-id|for-now/,
      );
      const error = third?.outputs[0] as { ename: string; evalue: string; output_type: string; traceback: string[] };
      assert.deepEqual(
        [error.output_type, error.ename, error.evalue],
        ['error', 'ZeroDivisionError', 'division by zero'],
      );
      assert.ok(error.traceback.length > 1 && error.traceback.at(-1)?.includes('ZeroDivisionError'));
    } finally {
      await notebook.close();
    }
  });
});

/** The complaint of Jupyter's own reader about a file; empty if the file is valid. */
function complaintOfNbformat(file: string): string {
  const python = process.env['SANDBOXED_IPYTHON_PYTHON_TOOLS'];
  assert.ok(python, 'SANDBOXED_IPYTHON_PYTHON_TOOLS is not set: run the tests by `npm test -- extension`');
  const script = 'import nbformat, sys; nbformat.validate(nbformat.read(sys.argv[1], as_version=nbformat.NO_CONVERT))';
  const { status, stderr } = spawnSync(python, ['-W', 'error', '-c', script, file], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  return status === 0 ? '' : stderr || `exit status ${status}`;
}

describe('a run', () => {
  before(useTestBase);

  it('marks the line of an error until the cell runs again', async () => {
    const notebook = await OpenNotebook.of('def f():\n    return 1 / 0\n\n  \nf()', 'x = = 1');
    const marks = (index: number): [number, string][] =>
      vscode.languages
        .getDiagnostics(notebook.cell(index).document.uri)
        .filter(({ source }) => source === 'Sandboxed IPython')
        .map(({ range, message }) => [range.start.line, message]);
    try {
      await notebook.run(0);
      await until('the mark', () => marks(0).length > 0);
      assert.deepEqual(marks(0), [[1, 'ZeroDivisionError: division by zero']]);
      await notebook.run(1);
      await until('the mark', () => marks(1).length > 0);
      assert.match(JSON.stringify(marks(1)), /^\[\[0,"SyntaxError: invalid syntax/);
      await notebook.edit(0, '1');
      await notebook.run(0);
      assert.deepEqual(marks(0), []);
    } finally {
      await notebook.close();
    }
  });

  it('adds the kernelspec and language that the notebook lacks, with or without an error, and changes no existing ones', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'metadata-'));
    const notebook = await OpenNotebook.saved(path.join(folder, 'bare.ipynb'), '1');
    try {
      assert.equal(notebook.document.isDirty, false, 'opened and unchanged');
      await notebook.run(0);
      await until(
        'the metadata',
        () =>
          (notebook.document.metadata as { metadata?: { kernelspec?: { name: string } } }).metadata?.kernelspec
            ?.name === 'python3',
      );
      assert.ok(await notebook.document.save());
      const { metadata } = JSON.parse(readFileSync(notebook.document.uri.fsPath, 'utf8')) as {
        metadata: { language_info: object; kernelspec: object };
      };
      assert.deepEqual(metadata, {
        kernelspec: { display_name: 'Python 3', language: 'python', name: 'python3' },
        language_info: { name: 'python' },
      });
    } finally {
      await notebook.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

interface Saved {
  nbformat: number;
  nbformat_minor: number;
  cells: { outputs: unknown[]; metadata: unknown; execution_count: number | null }[];
}
