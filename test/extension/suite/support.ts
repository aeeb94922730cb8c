import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';

export const EXTENSION = 'sandboxed-ipython.sandboxed-ipython';
export const CONTROLLER = 'sandboxed-ipython';

/**
 * The engine, reached through a path of the suite's own, so that a test can remove or replace it. Set before the
 * extension first looks for an engine.
 */
export const engineSocket = {
  real: (process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock').replace('unix://', ''),
  path: path.join(mkdtempSync(path.join(os.tmpdir(), 'engine-')), 'docker.sock'),
  remove(): void {
    rmSync(this.path, { force: true });
  },
  /** From now on another engine answers at the same path. */
  leadTo(socket: string): void {
    this.remove();
    symlinkSync(socket, this.path);
  },
  restore(): void {
    this.leadTo(this.real);
  },
};
engineSocket.restore();
process.env['DOCKER_HOST'] = `unix://${engineSocket.path}`;

/** Uses the base image that `npm test` prepared, without packages, so that the derived image is made quickly. */
export async function useTestBase(): Promise<void> {
  const base = process.env['SANDBOXED_IPYTHON_TEST_BASE'];
  assert.ok(base, 'SANDBOXED_IPYTHON_TEST_BASE is not set: run the tests by `npm test -- extension`');
  await set('image', base);
  await set('packages', []);
  await set('keepAlive', 0); // a closed notebook leaves no sandbox
  await set('startOn', 'run'); // tests that count containers only have those that cells requested
}

export async function set(name: string, value: unknown, target = vscode.ConfigurationTarget.Global): Promise<void> {
  await vscode.workspace.getConfiguration('sandboxedIPython').update(name, value, target);
}

export async function until<T>(what: string, look: () => T | undefined | false, deadline = 30_000): Promise<T> {
  for (const end = Date.now() + deadline; Date.now() < end; await sleep(20)) {
    const found = look();
    if (found !== undefined && found !== false) {
      return found;
    }
  }
  throw new Error(`not within ${deadline / 1000} s: ${what}`);
}

export interface Source {
  code: string;
  language?: string;
  tags?: string[];
}

/** A visible notebook with our kernel. Cells are counted from 0. */
export class OpenNotebook {
  private constructor(
    readonly document: vscode.NotebookDocument,
    readonly editor: vscode.NotebookEditor,
  ) {}

  static async of(...sources: (string | Source)[]): Promise<OpenNotebook> {
    const cells = sources
      .map((source) => (typeof source === 'string' ? { code: source } : source))
      .map(({ code, language = 'python', tags }: Source) => {
        const cell = new vscode.NotebookCellData(vscode.NotebookCellKind.Code, code, language);
        if (tags !== undefined) {
          cell.metadata = { metadata: { tags } };
        }
        return cell;
      });
    const data = new vscode.NotebookData(cells);
    data.metadata = { metadata: { language_info: { name: 'python' } }, nbformat: 4, nbformat_minor: 5 };
    return OpenNotebook.show(await vscode.workspace.openNotebookDocument('jupyter-notebook', data));
  }

  /** Creates the notebook as a file and opens it. */
  static async saved(file: string, ...sources: (string | Source)[]): Promise<OpenNotebook> {
    const cells = sources
      .map((source) => (typeof source === 'string' ? { code: source } : source))
      .map(({ code, tags }: Source, i) => ({
        cell_type: 'code',
        id: `cell-${i}`,
        metadata: tags === undefined ? {} : { tags },
        execution_count: null,
        outputs: [],
        source: code,
      }));
    writeFileSync(
      file,
      JSON.stringify({ cells, metadata: { language_info: { name: 'python' } }, nbformat: 4, nbformat_minor: 5 }),
    );
    return OpenNotebook.at(vscode.Uri.file(file));
  }

  /**
   * Opens an existing notebook as a user does. A document that the API opens is kept by VS Code for minutes after its
   * editor was closed.
   */
  static async at(uri: vscode.Uri): Promise<OpenNotebook> {
    await vscode.commands.executeCommand('vscode.openWith', uri, 'jupyter-notebook');
    return OpenNotebook.show(
      await until('the notebook is open', () =>
        vscode.workspace.notebookDocuments.find((open) => open.uri.toString() === uri.toString()),
      ),
    );
  }

  private static async show(document: vscode.NotebookDocument): Promise<OpenNotebook> {
    const editor = await vscode.window.showNotebookDocument(document);
    await vscode.extensions.getExtension(EXTENSION)?.activate();
    const isSelected = await vscode.commands.executeCommand<unknown>('notebook.selectKernel', {
      notebookEditor: editor,
      id: CONTROLLER,
      extension: EXTENSION,
    });
    assert.notEqual(isSelected, false, 'VS Code finds the editor or the kernel no more');
    return new OpenNotebook(document, editor);
  }

  cell(index: number): vscode.NotebookCell {
    return this.document.cellAt(index);
  }

  /** Starts the cells `from`..`to` as one run. The promise of the command would only resolve when they have ended. */
  start(from = 0, to = this.document.cellCount): void {
    vscode.commands
      .executeCommand('notebook.cell.execute', { ranges: [{ start: from, end: to }], document: this.document.uri })
      .then(undefined, (error: unknown) => console.error(error));
  }

  /** Runs one cell and waits for its end. */
  async run(index: number): Promise<void> {
    const before = this.cell(index).executionSummary;
    this.start(index, index + 1);
    await this.ended(index, before);
  }

  async runAll(): Promise<void> {
    const code = this.document
      .getCells()
      .filter((cell) => cell.kind === vscode.NotebookCellKind.Code && cell.document.languageId === 'python');
    const before = code.map((cell) => cell.executionSummary);
    this.start();
    await Promise.all(code.map((cell, i) => this.ended(cell.index, before[i])));
  }

  /** Waits until a cell that never ran before runs. VS Code tells extensions of its count, but not of its start. */
  async running(index: number): Promise<void> {
    await until(`cell ${index} runs`, () => this.count(index));
  }

  async ended(index: number, before?: vscode.NotebookCellExecutionSummary): Promise<void> {
    // VS Code may be replacing the cells with those of the file, and has none for a moment.
    await until(`cell ${index}`, () => this.document.cellCount > index);
    await until(
      `the end of cell ${index}: ${this.cell(index).document.getText().slice(0, 60)}`,
      () => {
        const summary = this.document.cellCount > index ? this.cell(index).executionSummary : undefined;
        return (
          summary?.success !== undefined && summary !== before && JSON.stringify(summary) !== JSON.stringify(before)
        );
      },
      50_000,
    );
  }

  /** The whole output of a cell as text, with errors as `name: message`. */
  text(index: number): string {
    return this.cell(index)
      .outputs.flatMap(({ items }) => items.map(textOf))
      .join('\n');
  }

  success(index: number): boolean | undefined {
    return this.cell(index).executionSummary?.success;
  }
  count(index: number): number | undefined {
    return this.cell(index).executionSummary?.executionOrder;
  }
  counts(): (number | undefined)[] {
    return this.document.getCells().map((cell) => cell.executionSummary?.executionOrder);
  }

  async edit(index: number, code: string): Promise<void> {
    const edit = new vscode.WorkspaceEdit();
    const { document } = this.cell(index);
    edit.replace(document.uri, new vscode.Range(0, 0, document.lineCount, 0), code);
    assert.ok(await vscode.workspace.applyEdit(edit));
  }

  async close(): Promise<void> {
    await vscode.window.showNotebookDocument(this.document);
    await vscode.commands.executeCommand('workbench.action.revertAndCloseActiveEditor');
  }

  /**
   * Saves and closes the notebook until VS Code has closed its document. Output that comes at the wrong moment
   * prevents that.
   */
  async saveAndClose(): Promise<void> {
    await this.document.save();
    for (let tries = 0; !this.document.isClosed; tries += 1) {
      assert.ok(tries < 10, 'the notebook is not closed');
      await this.close(); // VS Code would ask about output that came since the notebook was saved
      await until('the notebook is closed', () => this.document.isClosed, 3_000).catch(() => undefined);
    }
  }
}

export function textOf({ mime, data }: vscode.NotebookCellOutputItem): string {
  const text = new TextDecoder().decode(data);
  if (mime !== 'application/vnd.code.notebook.error') {
    return mime.startsWith('image/') ? `<${mime}>` : text;
  }
  const { name, message } = JSON.parse(text) as Error;
  return `${name}: ${message}`;
}

/** Replaces a function of `vscode.window`, such as `showInputBox`, during `work`. */
export async function stub<K extends keyof typeof vscode.window, T>(
  name: K,
  replacement: unknown,
  work: () => Promise<T>,
): Promise<T> {
  const windowOf = vscode.window as unknown as Record<string, unknown>;
  const original = windowOf[name];
  Object.defineProperty(vscode.window, name, { value: replacement, configurable: true, writable: true });
  try {
    return await work();
  } finally {
    Object.defineProperty(vscode.window, name, { value: original, configurable: true, writable: true });
  }
}

/** Collects the messages of this kind during `work`, which sees them as they come. No button is pressed. */
export async function toldBy(
  kind: 'showInformationMessage' | 'showWarningMessage',
  work: (told: readonly string[]) => Promise<unknown>,
): Promise<string> {
  const told: string[] = [];
  await stub(
    kind,
    (message: string) => {
      told.push(message);
      return Promise.resolve(undefined);
    },
    () => work(told),
  );
  return told.join('\n');
}

/** Calls `shown` with each input box of the window once it is open. */
export async function boxes<T>(shown: (box: vscode.InputBox) => void, work: () => Promise<T>): Promise<T> {
  const create = vscode.window.createInputBox.bind(vscode.window);
  return stub(
    'createInputBox',
    () => {
      const box = create();
      const show = box.show.bind(box);
      box.show = () => {
        show();
        shown(box);
      };
      return box;
    },
    work,
  );
}

/** Types the answer and presses Enter. */
export function answer(box: vscode.InputBox, value: string): void {
  box.value = value;
  vscode.commands
    .executeCommand('workbench.action.acceptSelectedQuickOpenItem')
    .then(undefined, (error: unknown) => console.error(error));
}

interface Volume {
  Name: string;
  Labels: Record<string, string>;
}
interface Container {
  Id: string;
  State: string;
  Labels: Record<string, string>;
}

/** Sends a request to the engine that does not come from the extension. */
export function engine<T>(method: string, path: string, body?: unknown): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'Content-Type': 'application/json' };
    const request = http.request({ socketPath: engineSocket.path, method, path, headers }, (response) => {
      let text = '';
      response
        .setEncoding('utf8')
        .on('data', (chunk: string) => {
          text += chunk;
        })
        .on('end', () => {
          if ((response.statusCode ?? 500) >= 300) {
            reject(new Error(`${path}: ${text}`));
          } else {
            resolve(text === '' ? undefined : (JSON.parse(text) as T));
          }
        });
    });
    request.once('error', reject).end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** Makes an image without any files and returns its name. The caller removes it. */
export async function emptyImage(): Promise<string> {
  const repo = 'sandboxed-ipython-test/nothing';
  const answered = await new Promise<number | undefined>((resolve, reject) => {
    const request = http.request(
      { socketPath: engineSocket.path, method: 'POST', path: `/images/create?fromSrc=-&repo=${repo}&tag=1` },
      (response) => {
        response.resume().once('end', () => resolve(response.statusCode));
      },
    );
    request.once('error', reject).end(Buffer.alloc(1024)); // the end of a tar archive without any content
  });
  assert.equal(answered, 200);
  return `${repo}:1`;
}

/** The owner of this window's sandboxes, which tests read from the labels. There is only one. */
const owners = new Set<string>();

/** When each test began, to find out which one has left something. */
const begun: { title: string; at: number }[] = [];
beforeEach(function () {
  begun.push({ title: this.currentTest?.fullTitle() ?? '', at: Date.now() });
});

/** The window removes the sandboxes of closed notebooks, so it must not end before that. */
after(async function () {
  this.timeout(60_000);
  // VS Code sometimes keeps a document although its editor is closed, because output came then or because it had been
  // opened before.
  for (const { uri } of vscode.workspace.notebookDocuments) {
    await vscode.commands.executeCommand('sandboxedIPython.shutDownSandbox', uri);
  }
  for (const end = Date.now() + 30_000; (await volumes()).length > 0; await sleep(100)) {
    assert.ok(Date.now() < end, `not removed: ${(await Promise.all((await volumes()).map(withUsers))).join()}`);
  }
});

/** The name of a volume, the test in which it was made, and the notebooks whose sandboxes still use it. */
async function withUsers({ Name, Labels }: Volume): Promise<string> {
  const filters = encodeURIComponent(JSON.stringify({ volume: [Name] }));
  const users = (await engine<Container[]>('GET', `/containers/json?all=true&filters=${filters}`)) ?? [];
  const of =
    users
      .map(({ State, Labels: { 'sandboxed-ipython.notebook': notebook } }) => `${notebook ?? 'no notebook'} (${State})`)
      .join() || 'no container';
  const created = Labels['sandboxed-ipython.created'] ?? '';
  const test = begun.findLast(({ at }) => at <= Date.parse(created));
  return `${Name} of ${of}, made ${created} in "${test?.title ?? 'no test'}"`;
}

/** The volumes of this window. Other suites have volumes on the same engine. */
async function volumes(): Promise<Volume[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: ['sandboxed-ipython.owner'] }));
  const found = await engine<{ Volumes: Volume[] | null }>('GET', `/volumes?filters=${filters}`);
  return (found?.Volumes ?? []).filter(({ Labels }) => owners.has(Labels['sandboxed-ipython.owner'] ?? ''));
}

/** The container of the notebook's sandbox. */
export async function containerOf(notebook: OpenNotebook): Promise<string> {
  const found = await containersOf(notebook);
  assert.equal(found.length, 1);
  return found[0] ?? '';
}

export async function hasSandbox(notebook: OpenNotebook): Promise<boolean> {
  return (await containersOf(notebook)).length > 0;
}

/** Whether the engine knows this container. */
export async function isThere(container: string): Promise<boolean> {
  const filters = encodeURIComponent(JSON.stringify({ id: [container] }));
  return ((await engine<Container[]>('GET', `/containers/json?all=true&filters=${filters}`)) ?? []).length > 0;
}

/** The containers of all sandboxes that were started under the notebook's name. */
export async function containersOf(notebook: OpenNotebook): Promise<string[]> {
  const label = `sandboxed-ipython.notebook=${notebook.document.uri.toString()}`;
  const found =
    (await engine<Container[]>(
      'GET',
      `/containers/json?filters=${encodeURIComponent(JSON.stringify({ label: [label] }))}`,
    )) ?? [];
  for (const { Labels } of found) {
    owners.add(Labels['sandboxed-ipython.owner'] ?? '');
  }
  return found.map(({ Id }) => Id);
}
