import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import { RequestProxy } from '../../session/support/requestProxy';
import {
  OpenNotebook,
  containerOf,
  containersOf,
  engine,
  engineSocket,
  hasSandbox,
  isThere,
  set,
  stub,
  until,
  useTestBase,
} from './support';

/** Milliseconds after which a sandbox that should not start would have started. */
const LONG_ENOUGH = 3_000;

describe('a sandbox that starts when its notebook is opened', function () {
  this.timeout(300_000); // each wait has its own deadline and names what was late
  let folder: string;
  const notebooks: OpenNotebook[] = [];

  before(async () => {
    await useTestBase();
    // Makes the image. A file with the same cells that is opened within seconds would count as this notebook after
    // saving, and would get its sandbox.
    const first = await OpenNotebook.of('"makes the image"');
    await first.run(0);
    await first.close();
  });
  beforeEach(async () => {
    await set('startOn', 'open');
    await set('keepAlive', 10);
    folder = mkdtempSync(path.join(os.tmpdir(), 'start-on-'));
  });
  afterEach(async () => {
    for (const notebook of notebooks.splice(0)) {
      await vscode.commands.executeCommand('sandboxedIPython.shutDownSandbox', notebook.document.uri);
      if (!notebook.document.isClosed) {
        await notebook.close();
      }
    }
    await useTestBase();
    rmSync(folder, { recursive: true, force: true });
  });

  const open = async (name: string, ...sources: string[]): Promise<OpenNotebook> => {
    const notebook = await OpenNotebook.saved(path.join(folder, `${name}.ipynb`), ...sources);
    notebooks.push(notebook);
    return notebook;
  };
  const started = async (notebook: OpenNotebook): Promise<string> => {
    for (const end = Date.now() + 60_000; !(await hasSandbox(notebook)); await sleep(50)) {
      assert.ok(Date.now() < end, 'no sandbox was started');
    }
    return containerOf(notebook);
  };
  /** Returns the container once the window has a session. The container exists before that. */
  const ready = async (notebook: OpenNotebook): Promise<string> => {
    const container = await started(notebook);
    const line = `${path.basename(notebook.document.uri.path)}: ready`;
    for (let page = '', end = Date.now() + 60_000; !page.includes(line); await sleep(100)) {
      assert.ok(Date.now() < end, `the sandbox does not get ready: ${page}`);
      await vscode.commands.executeCommand('sandboxedIPython.showDiagnostics');
      page = vscode.window.activeTextEditor?.document.getText() ?? '';
    }
    await vscode.window.tabGroups.close(
      vscode.window.tabGroups.all.flatMap(({ tabs }) => tabs).filter(({ label }) => label.includes('Diagnostics')),
    );
    return container;
  };
  const gone = async (container: string): Promise<void> => {
    for (const end = Date.now() + 60_000; await isThere(container); await sleep(50)) {
      assert.ok(Date.now() < end, 'the container is still there');
    }
  };
  /** Returns all messages that the window shows during `work`. */
  const said = async (work: () => Promise<unknown>): Promise<string[]> => {
    const all: string[] = [];
    const hear = (text: string): Promise<undefined> => {
      all.push(text);
      return Promise.resolve(undefined);
    };
    await stub('showErrorMessage', hear, () =>
      stub('showWarningMessage', hear, () => stub('showInformationMessage', hear, work)),
    );
    return all;
  };

  it('is ready before the first cell, which runs in it, and nothing in the notebook changes because of it', async () => {
    const notebook = await open('ready', '6 * 7');
    const container = await ready(notebook);
    assert.equal(notebook.document.isDirty, false);
    await notebook.run(0);
    assert.deepEqual([notebook.text(0), notebook.count(0), await containerOf(notebook)], ['42', 1, container]);
  });

  it('has the files of its project before a cell runs, and the first cell copies later changes and reports what was left out', async () => {
    const [stays, changes, big] = ['stays.txt', 'changes.txt', 'big.bin'].map((name) => path.join(folder, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(stays, 'as it was');
    writeFileSync(changes, 'before');
    writeFileSync(big, '');
    truncateSync(big, 70 * 2 ** 20);
    const notebook = await open(
      'files',
      'import os, time; open("stays.txt").read(), time.time() - os.stat("stays.txt").st_ctime > 2, open("changes.txt").read()',
    );
    assert.deepEqual(
      await said(async () => {
        await ready(notebook);
        await sleep(LONG_ENOUGH);
      }),
      [],
    );
    writeFileSync(changes, 'after');
    assert.match((await said(() => notebook.run(0))).join(), /not in the sandbox\. big\.bin/);
    assert.equal(notebook.text(0), "('as it was', True, 'after')");
  });

  it('gets no large files until a cell runs', async () => {
    writeFileSync(path.join(folder, 'large.bin'), Buffer.alloc(17 * 2 ** 20, 1));
    const notebook = await open('large', 'import os, time; time.time() - os.stat("large.bin").st_ctime < 2');
    await ready(notebook);
    await sleep(LONG_ENOUGH);
    await notebook.run(0);
    assert.equal(notebook.text(0), 'True');
  });

  it('ends with its notebook if nothing has run in it, whatever keepAlive says, and stays if a cell has run', async () => {
    const unused = await open('unused', '1');
    const container = await ready(unused);
    await unused.close();
    await gone(container);
    const used = await open('used', 'x = 1', 'x');
    const kept = await ready(used);
    await used.run(0);
    await used.document.save();
    await used.close();
    await sleep(LONG_ENOUGH);
    assert.ok(await isThere(kept));
    const again = await OpenNotebook.at(used.document.uri);
    notebooks.push(again);
    await again.run(1);
    assert.deepEqual([again.text(1), await containerOf(again)], ['1', kept]);
  });

  it('starts with the first cell if "startOn" says so', async () => {
    await set('startOn', 'run');
    const notebook = await open('run', '1');
    await sleep(LONG_ENOUGH);
    assert.equal(await hasSandbox(notebook), false);
    await notebook.run(0);
    assert.equal(await hasSandbox(notebook), true);
  });

  it('starts only in a trusted workspace', async () => {
    const trust = Object.getOwnPropertyDescriptor(vscode.workspace, 'isTrusted');
    assert.ok(trust);
    Object.defineProperty(vscode.workspace, 'isTrusted', { get: () => false, configurable: true });
    try {
      const notebook = await open('restricted', '1');
      await sleep(LONG_ENOUGH);
      assert.equal(await hasSandbox(notebook), false);
    } finally {
      Object.defineProperty(vscode.workspace, 'isTrusted', trust);
    }
  });

  it('reports nothing if it cannot start, until a cell is run, which reports the reason', async () => {
    engineSocket.remove();
    try {
      const notebook = await open('no-engine', '1');
      assert.deepEqual(await said(() => sleep(LONG_ENOUGH)), []);
      assert.deepEqual([notebook.text(0), notebook.document.isDirty], ['', false]);
      await notebook.run(0);
      assert.match(notebook.text(0), /^Engine/);
    } finally {
      engineSocket.restore();
    }
  });

  it('is silently replaced for the first cell if a setting has changed that needs a new sandbox', async () => {
    const notebook = await open('changed', 'import os; os.sysconf("SC_PAGE_SIZE") > 0');
    const container = await ready(notebook);
    try {
      assert.deepEqual(
        await said(async () => {
          await set('pids', 300);
          await sleep(1_500); // time for the notice of changed settings
          await notebook.run(0);
        }),
        [],
      );
      assert.equal(notebook.text(0), 'True');
      assert.notEqual(await containerOf(notebook), container);
      await gone(container);
    } finally {
      await set('pids', undefined);
    }
  });

  it('reports nothing if it ends before anything has run in it', async () => {
    const notebook = await open('removed', '"a new one"');
    const container = await ready(notebook);
    assert.deepEqual(
      await said(async () => {
        await engine('DELETE', `/containers/${container}?force=true`);
        await sleep(LONG_ENOUGH);
        await notebook.run(0);
      }),
      [],
    );
    assert.equal(notebook.text(0), "'a new one'");
  });

  it('does not fail a cell that was run meanwhile if its container is removed while it starts: the cell gets another sandbox', async () => {
    const proxy = new RequestProxy(engineSocket.real);
    engineSocket.leadTo((await proxy.listen()).replace('unix://', ''));
    try {
      proxy.answersPings = true;
      proxy.most = 1;
      proxy.delay = 8_000;
      proxy.treat('POST /containers/{id}/start', 'late');
      const notebook = await open('removed-early', '"a new one"');
      await until('the start of the container', () => proxy.hits === 1, 60_000);
      const filters = encodeURIComponent(
        JSON.stringify({ label: [`sandboxed-ipython.notebook=${notebook.document.uri.toString()}`] }),
      );
      const [container] = (await engine<{ Id: string }[]>('GET', `/containers/json?all=true&filters=${filters}`)) ?? [];
      assert.ok(container);
      notebook.start();
      await sleep(1_500); // the cell waits for that sandbox; a later cell would start its own
      await engine('DELETE', `/containers/${container.Id}?force=true`);
      await notebook.ended(0);
      assert.equal(notebook.text(0), "'a new one'");
      assert.notEqual(await containerOf(notebook), container.Id);
    } finally {
      engineSocket.restore();
      await proxy.close();
    }
  });

  it('waits for a first cell in at most four notebooks of a window: the one that was hidden first ends for the next', async () => {
    const containers: string[] = [];
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
      containers.push(await started(await open(name, '1')));
    }
    const alive = async (): Promise<boolean[]> => Promise.all(containers.map(isThere));
    await gone(containers[0] ?? '');
    await gone(containers[1] ?? '');
    assert.deepEqual(await alive(), [false, false, true, true, true, true]);
    assert.ok(notebooks[0]);
    await vscode.window.showNotebookDocument(notebooks[0].document);
    await started(notebooks[0]); // it is visible again
  });

  it('does not start for open notebooks that are hidden, even while VS Code loads another notebook in their place', async () => {
    const hidden: OpenNotebook[] = [];
    await set('startOn', 'run');
    for (const name of ['p', 'q', 'r']) {
      hidden.push(await open(name, '1'));
    }
    await vscode.window.showTextDocument(await vscode.workspace.openTextDocument({ content: 'in front of them' }));
    await until('they are out of view', () => vscode.window.visibleNotebookEditors.length === 0);
    await set('startOn', 'open');
    // Until the notebook is read, VS Code reports the last of these notebooks as visible.
    const provider = vscode.workspace.registerFileSystemProvider('slow-test', slowNotebook('2'), { isReadonly: true });
    let slow: OpenNotebook | undefined;
    try {
      slow = await OpenNotebook.at(vscode.Uri.from({ scheme: 'slow-test', path: '/slow.ipynb' }));
      await started(await open('shown', '3'));
      await sleep(LONG_ENOUGH);
      assert.deepEqual((await Promise.all(hidden.map(containersOf))).flat(), []);
    } finally {
      await slow?.close();
      provider.dispose();
    }
  });
});

/** A file system with one notebook that takes so long to read that a sandbox would have started meanwhile. */
function slowNotebook(source: string): vscode.FileSystemProvider {
  const cells = [{ cell_type: 'code', id: 'a', metadata: {}, execution_count: null, outputs: [], source }];
  const content = Buffer.from(
    JSON.stringify({ cells, metadata: { language_info: { name: 'python' } }, nbformat: 4, nbformat_minor: 5 }),
  );
  const refuse = (): never => {
    throw vscode.FileSystemError.NoPermissions();
  };
  return {
    onDidChangeFile: new vscode.EventEmitter<vscode.FileChangeEvent[]>().event,
    watch: () => new vscode.Disposable(() => undefined),
    stat: ({ path: name }) => {
      if (!name.endsWith('.ipynb')) {
        throw vscode.FileSystemError.FileNotFound(name);
      }
      return { type: vscode.FileType.File, ctime: 0, mtime: 1, size: content.length };
    },
    readFile: async () => {
      await sleep(LONG_ENOUGH);
      return content;
    },
    readDirectory: () => [],
    createDirectory: refuse,
    writeFile: refuse,
    delete: refuse,
    rename: refuse,
  };
}
