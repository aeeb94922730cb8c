import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import type { Log } from '../log';
import { describe, paragraph, type MessageContext } from '../messages';
import { SandboxError } from '../protocol/errors';
import { confirm, showError, showInformation } from '../ui/messages';
import { fileName } from './cell-metadata';
import { ErrorMarks } from './traceback/error-marks';
import { NotebookKernel } from './notebook-kernel';
import { Prompts } from './execution/prompts';
import type { SessionSource } from './sandbox/session-source';
import type { SandboxRecords } from './sandbox/sandbox-records';
import { Sandboxes } from './sandboxes';

/** Users save this id with their notebooks. It must never change. */
export const CONTROLLER_ID = 'sandboxed-ipython';
export const NOTEBOOK_TYPE = 'jupyter-notebook';
export const LANGUAGE = 'python';
/** Milliseconds to wait, after a notebook lost this kernel, for the event that the notebook was closed. */
const CLOSE_EVENT_WAIT_MS = 1_000;

/**
 * Registers "Sandboxed IPython" as a kernel for `.ipynb` files and passes the cells of each notebook to that
 * notebook's own kernel.
 */
export class SandboxController implements vscode.Disposable {
  readonly sandboxes: Sandboxes;
  readonly prompts: Prompts;
  readonly #controller: vscode.NotebookController;
  readonly #selected = new Set<vscode.NotebookDocument>();
  readonly #didChangeSelection = new vscode.EventEmitter<void>();
  readonly #didSelect = new vscode.EventEmitter<vscode.NotebookDocument>();
  readonly #leaving = new Set<Promise<void>>();
  readonly #didChangeStatus = new vscode.EventEmitter<vscode.NotebookDocument>();
  readonly #marks = new ErrorMarks();
  readonly #subscriptions: vscode.Disposable[];
  /** {@link NotebookKernel.status} may have changed. */
  readonly onDidChangeStatus = this.#didChangeStatus.event;
  /** This kernel was selected for a notebook. */
  readonly onDidSelect = this.#didSelect.event;
  /** This kernel was selected or deselected for a notebook. */
  readonly onDidChangeSelection = this.#didChangeSelection.event;

  constructor(
    source: SessionSource,
    private readonly records: SandboxRecords,
    private readonly messageContext: MessageContext,
    private readonly log: Log,
  ) {
    const controller = vscode.notebooks.createNotebookController(CONTROLLER_ID, NOTEBOOK_TYPE, 'Sandboxed IPython');
    controller.supportedLanguages = [LANGUAGE];
    controller.supportsExecutionOrder = true;
    controller.description = vscode.l10n.t('Python in a container of its own');
    controller.executeHandler = (cells, notebook) => this.sandboxes.of(notebook).run(cells);
    controller.interruptHandler = (notebook) => this.interrupt(notebook);
    this.#controller = controller;
    this.prompts = new Prompts(log);
    this.sandboxes = new Sandboxes((notebook) => {
      const marks = this.#marks;
      const { prompts } = this;
      const kernel = new NotebookKernel(notebook, { controller, source, records, messageContext, log, marks, prompts });
      kernel.events.on('didChangeStatus', () => this.#didChangeStatus.fire(notebook));
      return kernel;
    });
    this.#subscriptions = [
      controller.onDidChangeSelectedNotebooks(({ notebook, selected }) => this.#select(notebook, selected)),
      vscode.workspace.onDidCloseNotebookDocument((notebook) => this.#select(notebook, false)),
      vscode.workspace.onDidChangeNotebookDocument((event) => this.#changed(event)),
    ];
  }

  isSelectedFor(notebook: vscode.NotebookDocument): boolean {
    return this.#selected.has(notebook);
  }

  async interrupt(notebook: vscode.NotebookDocument): Promise<void> {
    try {
      await this.sandboxes.get(notebook)?.interrupt();
    } catch (error) {
      this.report(error);
    }
  }

  /** Starts a fresh kernel, or tells the user that the notebook has no sandbox yet. */
  async restart(notebook: vscode.NotebookDocument, how: { applySettings: boolean }): Promise<void> {
    if ((await this.#existingKernel(notebook)?.reset(how)) !== true) {
      void showInformation(vscode.l10n.t('{0} has no sandbox yet. Run a cell to start one.', fileName(notebook)));
    }
  }

  /** Ends the notebook's sandbox, also one that an earlier window has left. */
  async shutDown(notebook: vscode.NotebookDocument): Promise<void> {
    this.#existingKernel(notebook);
    await this.sandboxes.close(notebook);
  }

  /** Ends the sandbox that is recorded for this notebook's name but belongs to an earlier notebook of the same name. */
  endLeftoverSandbox(notebook: vscode.NotebookDocument): void {
    if (this.records.get(notebook.uri) === undefined) {
      return;
    }
    this.sandboxes
      .of(notebook)
      .close()
      .catch((error: unknown) => this.log.warn(`the sandbox of an earlier notebook: ${String(error)}`));
  }

  /** Starts a fresh kernel and then runs the code cells before index `end`. */
  async restartAndRun(notebook: vscode.NotebookDocument, end: number): Promise<void> {
    if (!this.isSelectedFor(notebook)) {
      void showInformation(vscode.l10n.t('Choose the kernel "Sandboxed IPython" for this notebook first.'));
      return;
    }
    if (!vscode.workspace.isTrusted) {
      // VS Code itself asks before it passes cells to a kernel, and extensions cannot open that question.
      const manage = vscode.l10n.t('Manage Workspace Trust');
      const text = vscode.l10n.t('Cells run only in a workspace that you trust. This one is in Restricted Mode.');
      if (await confirm(text, manage)) {
        await vscode.commands.executeCommand('workbench.trust.manage');
      }
      return;
    }
    const kernel = this.sandboxes.of(notebook);
    await kernel.reset({ applySettings: false });
    await kernel.run(notebook.getCells(new vscode.NotebookRange(0, end)).filter(canRun));
  }

  /** Tells the user that an action has failed. */
  report(error: unknown): void {
    this.log.error(String(error));
    const text = error instanceof SandboxError ? paragraph(describe(error, this.messageContext)) : String(error);
    void showError(text);
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) {
      subscription.dispose();
    }
    this.#didChangeSelection.dispose();
    this.#didChangeStatus.dispose();
    this.#didSelect.dispose();
    this.#marks.dispose();
    this.#controller.dispose();
  }

  /** The kernel of a notebook that has a sandbox or has the record of one. */
  #existingKernel(notebook: vscode.NotebookDocument): NotebookKernel | undefined {
    const isLeft = this.isSelectedFor(notebook) && this.records.get(notebook.uri) !== undefined;
    return isLeft ? this.sandboxes.of(notebook) : this.sandboxes.get(notebook);
  }

  #select(notebook: vscode.NotebookDocument, selected: boolean): void {
    if (selected) {
      this.#selected.add(notebook);
      this.reattach(notebook);
      this.#didSelect.fire(notebook);
    } else {
      this.#selected.delete(notebook);
      const leaving: Promise<void> = this.#leave(notebook)
        .catch((error: unknown) => this.log.error(`leaving a sandbox: ${String(error)}`))
        .finally(() => this.#leaving.delete(leaving));
      this.#leaving.add(leaving);
    }
    this.#didChangeSelection.fire();
  }

  /** Attaches, in the background, to the sandbox that the notebook had before. */
  reattach(notebook: vscode.NotebookDocument): void {
    // Another document of the same notebook may just be closing, under this name or an earlier one.
    void Promise.all(this.#leaving).then(async () => {
      if (this.isSelectedFor(notebook) && this.records.get(notebook.uri) !== undefined) {
        await this.sandboxes.of(notebook).reattach();
      }
    });
  }

  /**
   * Leaves the sandbox of a closed notebook for later, and ends that of a notebook for which another kernel was
   * selected.
   */
  async #leave(notebook: vscode.NotebookDocument): Promise<void> {
    // VS Code deselects the kernel of a notebook just before it reports that the notebook is closed.
    for (let waited = 0; !notebook.isClosed && waited < CLOSE_EVENT_WAIT_MS; waited += CLOSE_EVENT_WAIT_MS / 10) {
      await sleep(CLOSE_EVENT_WAIT_MS / 10);
    }
    if (this.isSelectedFor(notebook)) {
      return;
    }
    await (notebook.isClosed ? this.sandboxes.leave(notebook) : this.sandboxes.close(notebook));
  }

  #changed({ notebook, cellChanges, contentChanges }: vscode.NotebookDocumentChangeEvent): void {
    const kernel = this.sandboxes.get(notebook);
    if (kernel === undefined) {
      return;
    }
    kernel.documentChanged();
    for (const { cell, outputs, metadata } of cellChanges) {
      if (outputs?.length === 0) {
        kernel.cellCleared(cell);
      }
      if (metadata !== undefined) {
        kernel.executions.repairCount(cell).catch((error: unknown) => this.report(error));
      }
    }
    // A moved cell is reported as removed and added.
    const added = new Set(contentChanges.flatMap(({ addedCells }) => addedCells));
    for (const cell of contentChanges.flatMap(({ removedCells }) => removedCells)) {
      if (!added.has(cell)) {
        kernel.cellRemoved(cell).catch((error: unknown) => this.report(error));
      }
    }
  }
}

/** Whether this kernel runs the cell, by the same rule as VS Code. */
const canRun = ({ kind, document }: vscode.NotebookCell): boolean =>
  kind === vscode.NotebookCellKind.Code && document.languageId === LANGUAGE;
