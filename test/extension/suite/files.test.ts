import assert from 'node:assert/strict';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import { EXTENSION, OpenNotebook, containerOf, engine, set, stub, until, useTestBase } from './support';

const { Global, Workspace } = vscode.ConfigurationTarget;
const LIST = 'import os\nsorted(os.listdir())';

describe('the files beside a notebook', () => {
  before(useTestBase);
  let folder: string;
  let notebook: OpenNotebook | undefined;
  const write = (name: string, text: string) => {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  };
  const open = async (...sources: string[]) =>
    (notebook = await OpenNotebook.saved(path.join(folder, 'book.ipynb'), ...sources));
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'beside-'));
  });
  afterEach(async () => {
    await notebook?.close();
    notebook = undefined;
    for (const target of [Global, Workspace]) {
      await set('files', undefined, target);
    }
    await set('resetFiles', undefined);
    rmSync(folder, { recursive: true, force: true });
  });

  it('can be read by their names, are copied again when they have changed, and are never written to', async () => {
    write('data.csv', 'a,b\n1,2\n');
    write('sub/more.csv', '3');
    write('.env', 'TOKEN=x');
    const book = await open(
      'print(open("data.csv").read(), open("sub/more.csv").read())\nopen("data.csv", "a").write("cell")\nopen("result.txt", "w").write("cell")',
      LIST,
      'open("data.csv").read(), open("result.txt").read()',
    );
    const noMessage = () => assert.fail('dotfiles and the notebook itself are worth no message');
    await stub('showWarningMessage', noMessage, () => book.run(0));
    assert.equal(book.text(0).split('\n').slice(0, 3).join('\n'), 'a,b\n1,2\n 3');
    await book.run(1);
    assert.equal(book.text(1), "['data.csv', 'result.txt', 'sub']");
    assert.equal(readFileSync(path.join(folder, 'data.csv'), 'utf8'), 'a,b\n1,2\n');
    assert.deepEqual(readdirSync(folder).sort(), ['.env', 'book.ipynb', 'data.csv', 'sub']);
    await book.run(2);
    assert.equal(book.text(2), "('a,b\\n1,2\\ncell', 'cell')");
    write('data.csv', 'a,b\n5,6\n');
    await book.run(2);
    assert.equal(book.text(2), "('a,b\\n5,6\\n', 'cell')");
    await vscode.commands.executeCommand('sandboxedIPython.restartKernel');
    await book.run(2);
    assert.equal(book.text(2), "('a,b\\n5,6\\n', 'cell')", 'the sandbox keeps its files');
  });

  it('are copied again by "Reset Sandbox State" if "resetFiles" says so, which deletes what cells wrote', async () => {
    write('data.csv', 'a,b\n1,2\n');
    const book = await open(
      'open("data.csv", "a").write("cell")\nopen("result.txt", "w").write("cell")',
      `${LIST}, open("data.csv").read()`,
    );
    const reset = () => vscode.commands.executeCommand('sandboxedIPython.resetSandboxState');
    await book.runAll();
    const sandbox = await containerOf(book);
    await reset();
    await book.run(1);
    assert.equal(book.text(1), "(['data.csv', 'result.txt'], 'a,b\\n1,2\\ncell')");
    await set('resetFiles', 'clear');
    await vscode.commands.executeCommand('sandboxedIPython.restartKernel');
    await book.run(1);
    assert.equal(book.text(1), "(['data.csv', 'result.txt'], 'a,b\\n1,2\\ncell')");
    await reset();
    await book.run(1);
    assert.equal(book.text(1), "(['data.csv'], 'a,b\\n1,2\\n')");
    assert.equal(await containerOf(book), sandbox, 'in the same sandbox');
  });

  it('are available to the first cell of a "Run All", and in a sandbox that replaces another', async () => {
    write('data.csv', 'x');
    const book = await open('first = open("data.csv").read()', 'first, open("data.csv").read()');
    await book.runAll();
    assert.equal(book.text(1), "('x', 'x')");
    await set('maxMemory', '512MB');
    await vscode.commands.executeCommand('sandboxedIPython.resetSandboxState');
    await set('maxMemory', undefined);
    await book.runAll();
    assert.equal(book.text(1), "('x', 'x')");
  });

  it('are not copied if the setting is "none", which a workspace may set but not undo', async () => {
    write('data.csv', 'x');
    const book = await open(LIST);
    await set('files', 'none', Workspace);
    await book.run(0);
    assert.equal(book.text(0), '[]');
    await set('files', 'none', Global);
    await set('files', 'project', Workspace);
    await book.run(0);
    assert.equal(book.text(0), '[]');
    await set('files', undefined, Global);
    await book.run(0);
    assert.equal(book.text(0), "['data.csv']", 'with the next run');
  });

  it('are reported once per sandbox, with what helps, if they are too large, and the cell runs', async () => {
    for (const name of ['big.bin', 'bigger.bin']) {
      write(name, '');
      truncateSync(path.join(folder, name), (name.length - 6) * 70 * 2 ** 20);
    }
    write('data.csv', 'x');
    const book = await open(LIST);
    const messages: unknown[][] = [];
    const settings = async () => {
      await book.run(0);
      await book.run(0);
    };
    await stub(
      'showWarningMessage',
      (...said: unknown[]) => {
        messages.push(said);
        return Promise.resolve(undefined);
      },
      settings,
    );
    assert.equal(book.text(0), "['data.csv']");
    assert.deepEqual(messages, [
      [
        "book.ipynb: 2 files of the notebook's project are not in the sandbox. big.bin (70 MB) is larger than 64 MB. To make more room, raise the setting sandboxedIPython.maxMemory. The log lists the missing files.",
        'Show Log',
        'Settings',
      ],
    ]);
  });

  it('are not copied in Restricted Mode, but with the next run after the workspace is trusted', async () => {
    write('data.csv', 'x');
    const book = await open(LIST);
    const isTrusted = Object.getOwnPropertyDescriptor(vscode.workspace, 'isTrusted');
    assert.ok(isTrusted);
    Object.defineProperty(vscode.workspace, 'isTrusted', { value: false, configurable: true });
    try {
      await book.run(0);
    } finally {
      Object.defineProperty(vscode.workspace, 'isTrusted', isTrusted);
    }
    assert.equal(book.text(0), '[]');
    await book.run(0);
    assert.equal(book.text(0), "['data.csv']");
  });

  it('delay no interrupt and no restart while they are copied', async () => {
    const book = await open('started = True', 'pass', 'import os; os.path.getsize("big.bin"), "started" in globals()');
    await book.run(0);
    const container = await containerOf(book);
    const processes = async () =>
      (await engine<{ ExecIDs: string[] | null }>('GET', `/containers/${container}/json`))?.ExecIDs ?? [];
    const copyBegins = async (before: readonly string[]) => {
      // An engine lists a process for a while after it has ended.
      for (const end = Date.now() + 10_000; (await processes()).every((id) => before.includes(id)); await sleep(10)) {
        assert.ok(Date.now() < end, 'no copy begins');
      }
    };
    for (const command of ['interruptKernel', 'restartKernel']) {
      for (const index of [0, 1]) {
        await book.run(index);
      }
      const before = await processes();
      write('big.bin', command.padEnd(60 * 2 ** 20));
      book.start(0, 2);
      await copyBegins(before);
      await vscode.commands.executeCommand(`sandboxedIPython.${command}`);
      await until(
        `the end of both cells after ${command}`,
        () => book.success(0) === false && book.success(1) === false,
      );
    }
    await book.run(2);
    assert.equal(book.text(2), `(${60 * 2 ** 20}, False)`);
  });

  it('can also be read from a file system that only VS Code knows', async () => {
    const files = new Map([
      ['/work/data.csv', 'x'],
      ['/work/.env', 'TOKEN=x'],
      ['/work/sub/more.csv', 'y'],
      ['/work/link', 'z'],
    ]);
    const provider = vscode.workspace.registerFileSystemProvider('beside-test', providerOf(files), {
      isCaseSensitive: true,
    });
    try {
      files.set(
        '/work/book.ipynb',
        JSON.stringify({
          cells: [
            {
              cell_type: 'code',
              id: 'a',
              metadata: {},
              execution_count: null,
              outputs: [],
              source: `${LIST}, open("data.csv").read()`,
            },
          ],
          metadata: { language_info: { name: 'python' } },
          nbformat: 4,
          nbformat_minor: 5,
        }),
      );
      const book = (notebook = await OpenNotebook.at(
        vscode.Uri.from({ scheme: 'beside-test', path: '/work/book.ipynb' }),
      ));
      await book.run(0);
      assert.equal(book.text(0), "(['data.csv', 'sub'], 'x')");
      files.set('/work/data.csv', 'changed');
      await book.run(0);
      assert.equal(book.text(0), "(['data.csv', 'sub'], 'changed')");
    } finally {
      await notebook?.close();
      notebook = undefined;
      provider.dispose();
    }
  });

  it('do not exist for an untitled notebook', async () => {
    notebook = await OpenNotebook.of(LIST);
    await notebook.run(0);
    assert.equal(notebook.text(0), '[]');
  });

  it('are shown by the example notebook', async () => {
    const examples = path.join(vscode.extensions.getExtension(EXTENSION)?.extensionPath ?? '', 'examples');
    if (!existsSync(examples)) {
      throw new Error(`${examples} is not there`);
    }
    cpSync(examples, folder, { recursive: true });
    const file = vscode.Uri.file(path.join(folder, 'files.ipynb'));
    const book = (notebook = await OpenNotebook.at(file));
    const at = (id: string) => book.document.getCells().findIndex((cell) => cell.metadata['id'] === id);
    // The third cell needs pandas, which these tests do not install.
    for (const id of ['read', 'write']) {
      await book.run(at(id));
    }
    assert.deepEqual(
      [book.text(at('read')), book.text(at('write'))],
      ["'La Paz'", "['cities.csv', 'notes.txt', 'quickstart.ipynb']"],
    );
  });
});

/** Files in memory. `/work/link` is reported as a link. */
function providerOf(files: Map<string, string>): vscode.FileSystemProvider {
  const kindOf = (name: string): vscode.FileType => {
    if (files.has(name)) {
      return name.endsWith('link') ? vscode.FileType.File | vscode.FileType.SymbolicLink : vscode.FileType.File;
    }
    if ([...files.keys()].some((file) => file.startsWith(`${name.replace(/\/$/, '')}/`))) {
      return vscode.FileType.Directory;
    }
    throw vscode.FileSystemError.FileNotFound(name);
  };
  return {
    onDidChangeFile: new vscode.EventEmitter<vscode.FileChangeEvent[]>().event,
    watch: () => new vscode.Disposable(() => undefined),
    stat: ({ path: name }) => ({ type: kindOf(name), ctime: 0, mtime: 1, size: files.get(name)?.length ?? 0 }),
    readDirectory: ({ path: name }) => {
      const names = [...files.keys()]
        .filter((file) => file.startsWith(`${name}/`))
        .map((file) => file.slice(name.length + 1).split('/')[0] ?? '');
      return [...new Set(names)].map((one) => [one, kindOf(`${name}/${one}`)]);
    },
    readFile: ({ path: name }) => Buffer.from(files.get(name) ?? ''),
    writeFile: ({ path: name }, content) => {
      files.set(name, Buffer.from(content).toString());
    },
    createDirectory: () => undefined,
    delete: () => undefined,
    rename: () => undefined,
  };
}
