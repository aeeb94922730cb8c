import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { OpenNotebook, set, useTestBase } from './support';

describe('the project of a notebook', () => {
  before(useTestBase);
  let project: string;
  let notebook: OpenNotebook;
  const write = (name: string, text: string): void => {
    mkdirSync(path.dirname(path.join(project, name)), { recursive: true });
    writeFileSync(path.join(project, name), text);
  };
  beforeEach(() => {
    project = mkdtempSync(
      path.join(realpathSync(vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? ''), 'my project '),
    );
    write('.git/config', '');
    write('data/x.csv', 'a,b\n1,2\n');
    write('src/helper.py', 'def answer(): return 42\n\ndef fail():\n    return 1 / 0\n');
    write('src/prepare.py', 'prepared = open("../data/x.csv").read()\n');
    write('styles/custom.css', 'p {}');
    write('notebooks/own.txt', 'own');
  });
  afterEach(async () => {
    await notebook.close();
    await set('files', undefined);
    rmSync(project, { recursive: true, force: true });
  });
  const open = async (...sources: string[]): Promise<void> => {
    notebook = await OpenNotebook.saved(path.join(project, 'notebooks/book.ipynb'), ...sources);
  };
  const shown = async (index: number): Promise<string> => {
    await notebook.run(index);
    return notebook.text(index).replace(/\s+/g, ' ');
  };

  it('is copied to its sandbox, where cells find it as on the computer, and changes are copied before each run', async () => {
    await open(
      'import os, sys\nfrom pathlib import Path\nos.getcwd(), sorted(os.listdir()), open("../data/x.csv").read(), open("../styles/custom.css").read(), sorted(str(one) for one in Path("..").rglob("*.py"))',
      'sys.path.append("../src")\n%load_ext autoreload\n%autoreload 2\nimport helper\nhelper.answer()',
      '%run ../src/prepare.py\nprepared',
      'helper.answer()',
      'helper.fail()',
    );
    const name = path.basename(project);
    assert.equal(
      await shown(0),
      `('/sandbox/${name}/notebooks', ['own.txt'], 'a,b\\n1,2\\n', 'p {}', ['../src/helper.py', '../src/prepare.py'])`,
    );
    assert.equal(await shown(1), '42');
    assert.equal(await shown(2), "'a,b\\n1,2\\n'");
    write('src/helper.py', 'def answer(): return 43\n\n# longer\ndef fail():\n    return 1 / 0\n');
    assert.equal(await shown(3), '43');
    await notebook.run(4);
    const stack = notebook
      .cell(4)
      .outputs.flatMap(({ items }) => items.map(({ data }) => new TextDecoder().decode(data)))
      .join();
    assert.match(stack, /\.\.\/src\/helper\.py:\d/, `no link to the file of the computer: ${stack}`);
    await vscode.commands.executeCommand('sandboxedIPython.restartKernel');
    assert.match(await shown(0), /^\('\/sandbox\/my project \w+\/notebooks', \['own\.txt'\]/);
  });

  it('is named as the limit of what is copied, when a cell cannot find a path outside of it', async () => {
    await open('open("/home/me/data.csv")', 'open("../../data.csv")', 'open("none.csv")');
    const told = (file: string) =>
      `${file} is not in the sandbox. Of your files, only a copy of the folder "${path.basename(project)}" is there. Put the file into that folder`;
    assert.ok((await shown(0)).includes(told('/home/me/data.csv')), notebook.text(0));
    assert.ok((await shown(1)).includes(told('/sandbox/data.csv')), notebook.text(1));
    assert.doesNotMatch(await shown(2), /Of your files/);
  });

  it("is only the notebook's folder if the setting says so", async () => {
    await set('files', 'folder');
    await open('import os\nos.getcwd(), os.listdir(), os.path.exists("../data")', 'open("../data/x.csv")');
    assert.equal(await shown(0), "('/sandbox/notebooks', ['own.txt'], False)");
    assert.match(await shown(1), /only a copy of the folder "notebooks" is there/);
  });
});
