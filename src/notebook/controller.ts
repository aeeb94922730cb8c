import * as vscode from 'vscode';
import type { Log } from '../log';
import { describe, paragraph, type Surroundings } from '../messages';
import { SandboxError } from '../protocol/errors';
import { ErrorMarks } from './error-marks';
import { NotebookKernel, type StartSession } from './notebook-kernel';
import { Sandboxes } from './sandboxes';

/** Saved by users with their notebooks: never changes. */
export const CONTROLLER_ID = 'sandboxed-ipython';
export const NOTEBOOK_TYPE = 'jupyter-notebook';
export const LANGUAGE = 'python';

/** Registers "Sandboxed IPython" as a kernel of `.ipynb` files and hands every notebook's cells to its own kernel. */
export class SandboxController implements vscode.Disposable {
  readonly sandboxes: Sandboxes;
  readonly #controller: vscode.NotebookController;
  readonly #selected = new Set<vscode.NotebookDocument>();
  readonly #selection = new vscode.EventEmitter<void>();
  readonly #status = new vscode.EventEmitter<vscode.NotebookDocument>();
  readonly #marks = new ErrorMarks();
  readonly #subscriptions: vscode.Disposable[];
  /** Something of {@link NotebookKernel.status} may be different. */
  readonly onDidChangeStatus = this.#status.event;
  /** Some notebook took or left this kernel. */
  readonly onDidChangeSelection = this.#selection.event;

  constructor(start: StartSession, private readonly surroundings: Surroundings, private readonly log: Log) {
    const controller = vscode.notebooks.createNotebookController(CONTROLLER_ID, NOTEBOOK_TYPE, 'Sandboxed IPython');
    controller.supportedLanguages = [LANGUAGE];
    controller.supportsExecutionOrder = true;
    controller.description = vscode.l10n.t('Python in a container of its own');
    controller.executeHandler = (cells, notebook) => this.sandboxes.of(notebook).run(cells);
    controller.interruptHandler = (notebook) => this.interrupt(notebook);
    this.#controller = controller;
    this.sandboxes = new Sandboxes((notebook) => new NotebookKernel(notebook, controller, start, surroundings, log, this.#marks, () => this.#status.fire(notebook)));
    this.#subscriptions = [
      controller.onDidChangeSelectedNotebooks(({ notebook, selected }) => this.#select(notebook, selected)),
      vscode.workspace.onDidCloseNotebookDocument((notebook) => this.#select(notebook, false)),
      vscode.workspace.onDidChangeNotebookDocument((event) => this.#changed(event)),
    ];
  }

  isSelectedFor(notebook: vscode.NotebookDocument): boolean { return this.#selected.has(notebook); }

  async interrupt(notebook: vscode.NotebookDocument): Promise<void> {
    try {
      await this.sandboxes.get(notebook)?.interrupt();
    } catch (error) {
      this.report(error);
    }
  }

  /** Tells the user what an action of theirs could not do. */
  report(error: unknown): void {
    this.log.error(String(error));
    const text = error instanceof SandboxError ? paragraph(describe(error, this.surroundings)) : String(error);
    void vscode.window.showErrorMessage(text);
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) { subscription.dispose(); }
    this.#selection.dispose();
    this.#status.dispose();
    this.#marks.dispose();
    this.#controller.dispose();
  }

  #select(notebook: vscode.NotebookDocument, selected: boolean): void {
    if (selected) {
      this.#selected.add(notebook);
    } else {
      this.#selected.delete(notebook);
      this.sandboxes.close(notebook).catch((error: unknown) => this.log.error(`closing a sandbox: ${String(error)}`));
    }
    this.#selection.fire();
  }

  #changed({ notebook, cellChanges, contentChanges }: vscode.NotebookDocumentChangeEvent): void {
    const kernel = this.sandboxes.get(notebook);
    if (kernel === undefined) { return; }
    for (const { cell, outputs } of cellChanges) {
      if (outputs?.length === 0) { kernel.cleared(cell); }
    }
    const added = new Set(contentChanges.flatMap(({ addedCells }) => addedCells)); // a moved cell is removed and added
    for (const cell of contentChanges.flatMap(({ removedCells }) => removedCells)) {
      if (!added.has(cell)) { kernel.removed(cell).catch((error: unknown) => this.report(error)); }
    }
  }
}
