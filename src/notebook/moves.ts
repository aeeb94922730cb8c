import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import type { Log } from '../log';
import { CONTROLLER_ID, type SandboxController } from './controller';
import type { SandboxRecords } from './sandbox/sandbox-records';

/**
 * Milliseconds between closing an untitled notebook and opening the file that it was saved as. Either may come first.
 */
const SAVE_WINDOW_MS = 10_000;

/**
 * Keeps a notebook's sandbox when the notebook is renamed. VS Code closes one document and opens another. It reports
 * renames, but for an untitled notebook that is saved, the two documents are matched by their cells.
 */
export class NotebookMoves implements vscode.Disposable {
  readonly #subscriptions: vscode.Disposable[];
  readonly #opened = new Map<vscode.NotebookDocument, number>();
  #closed: { uri: vscode.Uri; cells: string; at: number } | undefined;

  constructor(
    private readonly controller: SandboxController,
    private readonly records: SandboxRecords,
    private readonly extension: string,
    private readonly log: Log,
  ) {
    this.#subscriptions = [
      vscode.workspace.onDidRenameFiles(({ files }) => {
        for (const { oldUri, newUri } of files) {
          this.#move(oldUri, newUri);
        }
      }),
      vscode.workspace.onDidOpenNotebookDocument((notebook) => this.#opening(notebook)),
      vscode.workspace.onDidCloseNotebookDocument((notebook) => this.#closing(notebook)),
    ];
    for (const notebook of vscode.workspace.notebookDocuments) {
      if (notebook.isUntitled && isBlank(notebook)) {
        controller.endLeftoverSandbox(notebook);
      }
    }
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) {
      subscription.dispose();
    }
  }

  #opening(notebook: vscode.NotebookDocument): void {
    if (notebook.isUntitled) {
      this.records.endRenameWait(notebook.uri);
      if (isBlank(notebook)) {
        // A window may have closed with an earlier notebook of this name.
        this.controller.endLeftoverSandbox(notebook);
      }
      return;
    }
    this.#opened.set(notebook, Date.now());
    const closed = this.#closed;
    if (closed !== undefined && Date.now() - closed.at < SAVE_WINDOW_MS && closed.cells === sourcesOf(notebook)) {
      this.#closed = undefined;
      this.#moveToSavedFile(closed.uri, notebook);
    }
  }

  #closing(notebook: vscode.NotebookDocument): void {
    this.#opened.delete(notebook);
    if (
      !notebook.isUntitled ||
      (this.records.get(notebook.uri) === undefined && !this.records.isAwaitingRename(notebook.uri))
    ) {
      return;
    }
    const cells = sourcesOf(notebook);
    const saved = [...this.#opened].find(
      ([open, at]) => Date.now() - at < SAVE_WINDOW_MS && !this.records.hasUsed(open.uri) && sourcesOf(open) === cells,
    )?.[0];
    if (saved === undefined) {
      this.#closed = { uri: notebook.uri, cells, at: Date.now() };
    } else {
      this.#moveToSavedFile(notebook.uri, saved);
    }
  }

  /**
   * Moves the sandbox to the saved file and selects the kernel, because not every version of VS Code gives the file
   * the kernel of the untitled notebook.
   */
  #moveToSavedFile(untitled: vscode.Uri, notebook: vscode.NotebookDocument): void {
    this.#move(untitled, notebook.uri);
    this.#select(notebook).catch((error: unknown) =>
      this.log.warn(`the kernel of a notebook that was saved is not selected: ${String(error)}`),
    );
  }

  async #select(notebook: vscode.NotebookDocument): Promise<void> {
    for (
      const end = Date.now() + SAVE_WINDOW_MS;
      Date.now() < end && !this.controller.isSelectedFor(notebook);
      await sleep(SAVE_WINDOW_MS / 100)
    ) {
      const notebookEditor = vscode.window.visibleNotebookEditors.find((editor) => editor.notebook === notebook);
      if (notebookEditor === undefined) {
        continue;
      }
      await vscode.commands.executeCommand('notebook.selectKernel', {
        notebookEditor,
        id: CONTROLLER_ID,
        extension: this.extension,
      });
      return;
    }
  }

  #move(from: vscode.Uri, to: vscode.Uri): void {
    this.records.move(from, to);
    for (const notebook of vscode.workspace.notebookDocuments) {
      if (notebook.uri.path.startsWith(to.path)) {
        this.controller.reattach(notebook);
      }
    }
  }
}

const isBlank = (notebook: vscode.NotebookDocument): boolean =>
  notebook.getCells().every((cell) => cell.document.getText().trim() === '');
const sourcesOf = (notebook: vscode.NotebookDocument): string =>
  JSON.stringify(notebook.getCells().map((cell) => cell.document.getText()));
