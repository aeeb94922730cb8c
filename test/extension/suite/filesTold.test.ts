import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import * as vscode from 'vscode';
import { OpenNotebook, set, stub, until, useTestBase } from './support';

describe('files beside a notebook that are not copied into its sandbox', () => {
  before(useTestBase);
  let folder: string;
  let notebook: OpenNotebook;
  const told: string[][] = [];
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'told-'));
    told.length = 0;
  });
  afterEach(async () => {
    await notebook.close();
    await set('files', undefined);
    rmSync(folder, { recursive: true, force: true });
  });

  /** Runs a cell and returns its warnings. */
  async function run(index: number, press?: string): Promise<string[]> {
    const before = told.length;
    await stub(
      'showWarningMessage',
      (...said: string[]) => {
        told.push(said);
        return Promise.resolve(press);
      },
      () => notebook.run(index),
    );
    return told.slice(before).map(([text = '']) => text);
  }

  it('are reported once, with the next step, if the folder is too wide, and the cell runs', async () => {
    // The folder for temporary files itself is never copied.
    const file = path.join(os.tmpdir(), `${path.basename(folder)}.ipynb`);
    try {
      notebook = await OpenNotebook.saved(file, '"ran"');
      assert.deepEqual(await run(0), [
        `${path.basename(file)}: The files beside the notebook are not in its sandbox. Home folders, Desktop, Documents, Downloads and similar folders are never copied. ` +
          'Put the notebook, with the files that it reads, into a folder of its own.',
      ]);
      assert.deepEqual(told[0]?.slice(1), ['Show Log']);
      assert.equal(notebook.text(0), "'ran'");
      assert.deepEqual(await run(0), []);
    } finally {
      rmSync(file, { force: true });
    }
  });

  it('are reported when a cell cannot find one that .gitignore excludes', async () => {
    mkdirSync(path.join(folder, 'data'));
    writeFileSync(path.join(folder, 'data/x.csv'), 'x');
    writeFileSync(path.join(folder, '.gitignore'), 'data/\n');
    notebook = await OpenNotebook.saved(
      path.join(folder, 'book.ipynb'),
      '"ran"',
      'open("data/x.csv")',
      'open("none.csv")',
    );
    assert.deepEqual(await run(0), []);
    assert.match(
      (await run(1)).join('\n'),
      /^book\.ipynb: Some files of the notebook's project are not in the sandbox\. data is ignored by \.gitignore\. The log lists the missing files\.$/,
    );
    assert.deepEqual(await run(1), [], 'once');
    assert.deepEqual(await run(2), [], 'it is nowhere');
  });

  it('are reported when a cell imports one as a module that .gitignore ignores', async () => {
    mkdirSync(path.join(folder, 'generated'));
    writeFileSync(path.join(folder, 'generated/tables.py'), 'x = 1');
    writeFileSync(path.join(folder, '.gitignore'), 'generated/\n');
    notebook = await OpenNotebook.saved(
      path.join(folder, 'book.ipynb'),
      'import no_such_module',
      'import generated.tables',
    );
    assert.deepEqual(await run(0), []);
    assert.match((await run(1)).join('\n'), /are not in the sandbox\. generated is ignored by \.gitignore/);
    assert.deepEqual(await run(1), [], 'once');
  });

  it('are reported when a cell cannot find one because of the setting or because the notebook has no file', async () => {
    notebook = await OpenNotebook.of('"ran"', 'open("data.csv")');
    assert.deepEqual(await run(0), []);
    assert.match((await run(1)).join('\n'), /The notebook is not saved yet\. Save it beside the files/);
    await set('files', 'none');
    assert.match((await run(1)).join('\n'), /The setting sandboxedIPython\.files is "none"/);
    assert.deepEqual(await run(1), []);
  });

  it('are each reported once if there is no room for them, with the setting that makes room', async () => {
    const big = (name: string): void => {
      writeFileSync(path.join(folder, name), '');
      truncateSync(path.join(folder, name), 70 * 2 ** 20);
    };
    big('big.bin');
    notebook = await OpenNotebook.saved(path.join(folder, 'book.ipynb'), '1');
    assert.match((await run(0)).join('\n'), /not in the sandbox\. big\.bin \(70 MB\) is larger than 64 MB/);
    assert.deepEqual(await run(0), []);
    big('later.bin');
    const opened: unknown[] = [];
    const { executeCommand } = vscode.commands;
    Object.defineProperty(vscode.commands, 'executeCommand', {
      configurable: true,
      writable: true,
      value: (command: string, ...more: unknown[]) => {
        if (command !== 'workbench.action.openSettings') {
          return executeCommand(command, ...more);
        }
        opened.push(...more);
        return Promise.resolve();
      },
    });
    try {
      assert.match((await run(0, 'Settings')).join('\n'), /2 files .*\. later\.bin \(70 MB\) is larger than 64 MB/);
      await until('the settings', () => opened.length > 0);
    } finally {
      Object.defineProperty(vscode.commands, 'executeCommand', {
        value: executeCommand,
        configurable: true,
        writable: true,
      });
    }
    assert.deepEqual(opened, ['sandboxedIPython.maxMemory']);
    assert.deepEqual(await run(0), []);
  });
});
