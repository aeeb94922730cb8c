import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import { packagesTag } from '../../../src/engine/image/tags';
import {
  CONTROLLER,
  EXTENSION,
  OpenNotebook,
  containerOf,
  engine,
  engineSocket,
  hasSandbox,
  set,
  stub,
  until,
  useTestBase,
} from './support';

/** Milliseconds after which an image that should not be made would have been begun. */
const LONG_ENOUGH = 5_000;
/** Milliseconds to make an image with a package on a busy computer. */
const MAKING = 240_000;

interface Image {
  Id: string;
  ParentId: string;
}

describe('an image that does not exist', function () {
  this.timeout(2 * MAKING);
  let folder: string;
  let base: string;
  /** Tag of the image that the settings name. */
  let tag: string;
  const tags: string[] = [];
  const notebooks: vscode.NotebookDocument[] = [];

  before(async () => {
    await useTestBase();
    base = (await engine<Image>('GET', `/images/${process.env['SANDBOXED_IPYTHON_TEST_BASE'] ?? ''}/json`))?.Id ?? '';
    const first = await OpenNotebook.of('"makes the image without packages"');
    await first.run(0);
    await first.close();
  });
  beforeEach(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'chosen-'));
    await set('startOn', 'open');
    await wantAbsent();
  });
  afterEach(async () => {
    for (const notebook of notebooks.splice(0)) {
      await vscode.commands.executeCommand('sandboxedIPython.shutDownSandbox', notebook.uri);
      if (!notebook.isClosed) {
        await closeEditor(notebook);
      }
    }
    await useTestBase();
    await toolbar(undefined);
    rmSync(folder, { recursive: true, force: true });
  });
  after(async () => {
    const images = (await engine<Image[]>('GET', '/images/json?all=true')) ?? [];
    for (const one of tags) {
      const made = await idOf(one);
      if (made === undefined) {
        continue;
      }
      for (const { Id } of images.filter(({ ParentId }) => ParentId === made)) {
        await engine('DELETE', `/images/${Id}?force=true`);
      }
      await engine('DELETE', `/images/${one}?force=true`);
    }
  });

  /** Makes the settings name an image that no test has made. */
  const wantAbsent = async (): Promise<void> => {
    const packages = [`six<${1_000 + (Date.now() % 1_000_000)}`];
    tag = packagesTag(base, packages);
    tags.push(tag);
    await set('packages', packages);
  };
  const idOf = async (name: string): Promise<string | undefined> =>
    (await engine<Image>('GET', `/images/${name}/json`).catch(() => undefined))?.Id;
  const isMade = async (): Promise<boolean> => (await idOf(tag)) !== undefined;
  /** Whether the image is being made or exists. */
  const isBegun = async (): Promise<boolean> => {
    const filters = encodeURIComponent(
      JSON.stringify({ name: [`sandboxed-ipython-build-${tag.split(':')[1] ?? ''}`] }),
    );
    return (
      (await isMade()) ||
      ((await engine<unknown[]>('GET', `/containers/json?all=true&filters=${filters}`)) ?? []).length > 0
    );
  };
  const eventually = async (what: string, look: () => Promise<boolean>): Promise<void> => {
    for (const end = Date.now() + MAKING; !(await look()); await sleep(50)) {
      assert.ok(Date.now() < end, `not in time: ${what}`);
    }
  };
  /**
   * Shows or hides the notebook's toolbar. Without it VS Code shows the kernel in its status bar, and selects the only
   * kernel when a cell is touched.
   */
  const toolbar = async (isShown: false | undefined): Promise<void> => {
    await vscode.workspace
      .getConfiguration('notebook')
      .update('globalToolbar', isShown, vscode.ConfigurationTarget.Global);
  };
  const fileOf = (name: string, ...sources: string[]): vscode.Uri => {
    const file = path.join(folder, `${name}.ipynb`);
    const cells = sources.map((source, i) => ({
      cell_type: 'code',
      id: `cell-${i}`,
      metadata: {},
      execution_count: null,
      outputs: [],
      source,
    }));
    writeFileSync(
      file,
      JSON.stringify({ cells, metadata: { language_info: { name: 'python' } }, nbformat: 4, nbformat_minor: 5 }),
    );
    return vscode.Uri.file(file);
  };
  /** Opens the notebook and waits until VS Code has selected the kernel that it had before, if it had one. */
  const look = async (uri: vscode.Uri): Promise<vscode.NotebookEditor> => {
    await vscode.commands.executeCommand('vscode.openWith', uri, 'jupyter-notebook');
    const editor = await until('the notebook is in view', () =>
      vscode.window.visibleNotebookEditors.find(({ notebook }) => notebook.uri.toString() === uri.toString()),
    );
    await vscode.commands.executeCommand('setContext', 'sandboxedIPython.test', true);
    notebooks.push(editor.notebook);
    return editor;
  };
  /** Closes the editor of the notebook. VS Code may keep the document of a notebook that was opened more than once. */
  const closeEditor = async (notebook: vscode.NotebookDocument): Promise<void> => {
    await vscode.window.showNotebookDocument(notebook);
    await vscode.commands.executeCommand('workbench.action.revertAndCloseActiveEditor');
  };
  const close = async (notebook: vscode.NotebookDocument): Promise<void> => {
    await closeEditor(notebook);
    await until('the notebook is closed', () => notebook.isClosed);
  };
  const choose = async (notebookEditor: vscode.NotebookEditor): Promise<void> => {
    await vscode.commands.executeCommand('notebook.selectKernel', {
      notebookEditor,
      id: CONTROLLER,
      extension: EXTENSION,
    });
  };
  const run = ({ notebook }: vscode.NotebookEditor): void => {
    void vscode.commands.executeCommand('notebook.cell.execute', {
      ranges: [{ start: 0, end: 1 }],
      document: notebook.uri,
    });
  };
  const ended = ({ notebook }: vscode.NotebookEditor): Promise<unknown> =>
    until('the end of the cell', () => notebook.cellAt(0).executionSummary?.success !== undefined, MAKING);
  const textOf = ({ notebook }: vscode.NotebookEditor): string =>
    notebook
      .cellAt(0)
      .outputs.flatMap(({ items }) => items.map(({ data }) => new TextDecoder().decode(data)))
      .join('\n');
  const sandboxStarts = (notebook: vscode.NotebookEditor): Promise<void> =>
    eventually('a sandbox', () => hasSandbox({ document: notebook.notebook } as OpenNotebook));
  /** Returns all messages and progress titles that the window shows during `work`. No button is pressed. */
  const said = async (work: () => Promise<unknown>): Promise<string[]> => {
    const all: string[] = [];
    const hear = (text: string): Promise<undefined> => {
      all.push(text);
      return Promise.resolve(undefined);
    };
    const withProgress = vscode.window.withProgress.bind(vscode.window);
    const follow = (options: vscode.ProgressOptions, task: Parameters<typeof withProgress>[1]): unknown => {
      if (options.location === vscode.ProgressLocation.Notification) {
        all.push(options.title ?? '');
      }
      return withProgress(options, task);
    };
    await stub('withProgress', follow, () =>
      stub('showErrorMessage', hear, () =>
        stub('showWarningMessage', hear, () => stub('showInformationMessage', hear, work)),
      ),
    );
    return all;
  };
  const PREPARING = 'Preparing the sandbox image (once)';

  it('is made when the user chooses the kernel, and a cell that is run meanwhile waits for it under the same notification', async () => {
    const editor = await look(fileOf('chosen', 'import six; "ran"'));
    assert.deepEqual(
      await said(async () => {
        await choose(editor);
        await eventually('the image is begun', isBegun);
        run(editor);
        await ended(editor);
      }),
      [PREPARING],
    );
    assert.equal(textOf(editor), "'ran'");
    assert.ok(await isMade());
    await containerOf({ document: editor.notebook } as OpenNotebook); // throws unless there is exactly one
  });

  it('is followed by an unused sandbox', async () => {
    const editor = await look(fileOf('ready', '1'));
    await choose(editor);
    await sandboxStarts(editor);
    assert.ok(await isMade());
    assert.deepEqual([editor.notebook.isDirty, textOf(editor)], [false, '']);
  });

  it('is not made for a notebook that had this kernel before and is opened again', async () => {
    const packages = vscode.workspace.getConfiguration('sandboxedIPython').get('packages');
    const [known, absent] = [fileOf('known', '1'), fileOf('absent', '1')];
    await set('packages', []);
    for (const uri of [known, absent]) {
      await choose(await look(uri));
      await close(notebooks.pop() ?? assert.fail());
    }
    await sandboxStarts(await look(known)); // VS Code selects the kernel
    await set('packages', packages);
    const { notebook } = await look(absent);
    assert.deepEqual(await said(() => sleep(LONG_ENOUGH)), []);
    assert.deepEqual([await isBegun(), await hasSandbox({ document: notebook } as OpenNotebook)], [false, false]);
  });

  it('is not made for a notebook for which VS Code selects the only kernel because of an edit', async () => {
    const packages = vscode.workspace.getConfiguration('sandboxedIPython').get('packages');
    const write = async ({ notebook }: vscode.NotebookEditor): Promise<void> => {
      const edit = new vscode.WorkspaceEdit();
      edit.insert(notebook.cellAt(0).document.uri, new vscode.Position(0, 0), '"more"\n');
      assert.ok(await vscode.workspace.applyEdit(edit));
    };
    await set('packages', []);
    await toolbar(false);
    const known = await look(fileOf('known', '1'));
    await sleep(LONG_ENOUGH);
    // The kernel is not selected yet.
    assert.equal(await hasSandbox({ document: known.notebook } as OpenNotebook), false);
    await write(known);
    await sandboxStarts(known); // now it is selected
    await set('packages', packages);
    const absent = await look(fileOf('absent', '1'));
    await write(absent);
    assert.deepEqual(await said(() => sleep(LONG_ENOUGH)), []);
    assert.equal(await isBegun(), false);
  });

  it('is not made if the kernel is selected at the moment when the pointer rests on a cell', async () => {
    const editor = await look(fileOf('pointed-at', '1'));
    const { uri } = editor.notebook.cellAt(0).document;
    const pointAt = async (): Promise<void> => {
      await vscode.commands.executeCommand('vscode.executeHoverProvider', uri, new vscode.Position(0, 0));
    };
    await pointAt(); // VS Code has loaded what it needs for this by now
    await Promise.all([pointAt(), choose(editor)]);
    assert.deepEqual(await said(() => sleep(LONG_ENOUGH)), []);
    assert.equal(await isBegun(), false);
  });

  it('is not made in an untrusted workspace or if "startOn" leaves it to the first cell', async () => {
    const trust = Object.getOwnPropertyDescriptor(vscode.workspace, 'isTrusted');
    assert.ok(trust);
    Object.defineProperty(vscode.workspace, 'isTrusted', { get: () => false, configurable: true });
    try {
      await choose(await look(fileOf('restricted', '1')));
      await sleep(LONG_ENOUGH);
      assert.equal(await isBegun(), false);
    } finally {
      Object.defineProperty(vscode.workspace, 'isTrusted', trust);
    }
    await close(notebooks.pop() ?? assert.fail());
    await set('startOn', 'run');
    await choose(await look(fileOf('run', '1')));
    await sleep(LONG_ENOUGH);
    assert.equal(await isBegun(), false);
  });

  it('is reported missing only by the cell that is run if there is no engine, and the kernel can be chosen again once there is one', async () => {
    engineSocket.remove();
    const editor = await look(fileOf('no-engine', '1'));
    try {
      assert.deepEqual(
        await said(async () => {
          await choose(editor);
          await sleep(LONG_ENOUGH);
        }),
        [],
      );
      assert.deepEqual([textOf(editor), editor.notebook.isDirty], ['', false]);
      run(editor);
      await ended(editor);
      assert.match(textOf(editor), /EngineNotFound/);
    } finally {
      engineSocket.restore();
    }
    const other = vscode.notebooks.createNotebookController('other', 'jupyter-notebook', 'Other');
    try {
      await vscode.commands.executeCommand('notebook.selectKernel', {
        notebookEditor: editor,
        id: 'other',
        extension: EXTENSION,
      });
      await choose(editor);
      await sandboxStarts(editor);
    } finally {
      other.dispose();
    }
  });

  it('is made by the command of the walkthrough, and the command goes on if a cell that waits for the image is interrupted', async () => {
    await set('startOn', 'run');
    const editor = await look(fileOf('interrupted', '1'));
    await choose(editor);
    assert.deepEqual(
      await said(async () => {
        const prepared = vscode.commands.executeCommand('sandboxedIPython.prepareImage');
        await eventually('the image is begun', isBegun);
        run(editor);
        await sleep(1_000);
        await vscode.commands.executeCommand('sandboxedIPython.interruptKernel', editor.notebook.uri);
        await ended(editor);
        await prepared;
      }),
      [PREPARING, 'The sandbox image is ready: sandboxes start from it without a network.'],
    );
    assert.equal(editor.notebook.cellAt(0).executionSummary?.success, false);
    assert.ok(await isMade());
  });

  it('is no longer made when the last notebook that needs it is closed', async () => {
    const editor = await look(fileOf('given-up', '1'));
    await choose(editor);
    await eventually('the image is begun', isBegun);
    await close(notebooks.pop() ?? assert.fail());
    await eventually('nothing is left of it', async () => !(await isBegun()));
    await sleep(LONG_ENOUGH);
    assert.equal(await isBegun(), false);
  });
});
