import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import { OpenNotebook, until, useTestBase } from './support';

describe('the mark at the line that raised an error', () => {
  before(useTestBase);
  let notebook: OpenNotebook;
  const marks = (index: number): string[] =>
    vscode.languages
      .getDiagnostics(notebook.cell(index).document.uri)
      .filter(({ source }) => source === 'Sandboxed IPython')
      .map(({ message }) => message);
  const gone = (what: string, index = 0): Promise<true> =>
    until(`no mark after ${what}`, () => marks(index).length === 0);
  const fail = async (): Promise<void> => {
    await notebook.run(0);
    await until('the mark', () => marks(0).length > 0); // the mark comes just after the end of the cell
    assert.deepEqual(marks(0), ['ZeroDivisionError: division by zero']);
  };
  const command = (name: string): Thenable<unknown> => vscode.commands.executeCommand(name);
  afterEach(() => notebook.close());

  it('is removed with the outputs and with the kernel in which the cell ran', async () => {
    notebook = await OpenNotebook.of('1 / 0');
    await fail();
    await command('notebook.clearAllCellsOutputs');
    await gone('"Clear All Outputs"');
    for (const name of ['restartKernel', 'resetSandboxState', 'shutDownSandbox']) {
      await fail();
      await command(`sandboxedIPython.${name}`);
      await gone(name);
    }
  });

  it('is removed when the notebook is closed', async () => {
    notebook = await OpenNotebook.of('1 / 0');
    await fail();
    const {
      document: { uri },
    } = notebook.cell(0);
    await notebook.close();
    await until('no mark', () =>
      vscode.languages.getDiagnostics(uri).every(({ source }) => source !== 'Sandboxed IPython'),
    );
    notebook = await OpenNotebook.of('1');
  });

  it('is not shown for a cell that is meant to raise or was interrupted', async () => {
    notebook = await OpenNotebook.of({ code: '1 / 0', tags: ['raises-exception'] }, 'import time\ntime.sleep(60)');
    await notebook.run(0);
    notebook.start(1, 2);
    await notebook.running(1);
    await vscode.commands.executeCommand('sandboxedIPython.interruptKernel');
    await notebook.ended(1);
    assert.match(notebook.text(1), /KeyboardInterrupt/);
    assert.deepEqual([marks(0), marks(1)], [[], []]);
  });
});
