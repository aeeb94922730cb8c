import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import { NOTEBOOK_TYPE, type SandboxController } from './controller';

/** Milliseconds between what happens in a notebook and the selection that VS Code makes for it. A user needs longer to get to the kernel picker. */
const SAME_MOMENT_MS = 1_000;

/**
 * Tells when the user chooses our kernel for a notebook. VS Code tells of every selection, and neither who made it nor why. It makes some
 * itself: of the kernel that the notebook had before, at once when there are the notebook and the kernel; and without the notebook's
 * toolbar (`notebook.globalToolbar`), of the only kernel there is, when a cell is edited or the pointer rests on one (`ImplictKernelSelector`
 * in VS Code's sources). What is left is the user's, in the picker or by running a cell.
 */
export class KernelChoices implements vscode.Disposable {
  readonly #choices = new vscode.EventEmitter<vscode.NotebookDocument>();
  /** Those whose former kernel VS Code has selected by now, if they had one. */
  readonly #ready = new WeakSet<vscode.NotebookDocument>();
  /** When a cell was last edited or pointed at, by `performance.now()`. */
  readonly #touched = new WeakMap<vscode.NotebookDocument, number>();
  readonly #subscriptions: vscode.Disposable[];
  /** The user has chosen our kernel for this notebook. */
  readonly onDidChoose = this.#choices.event;

  constructor(controller: SandboxController) {
    const opened = (notebook: vscode.NotebookDocument): void => {
      void roundTrip().then(() => this.#ready.add(notebook));
    };
    this.#subscriptions = [
      this.#choices,
      controller.onDidSelect((notebook) => {
        void this.#selected(notebook);
      }),
      vscode.workspace.onDidOpenNotebookDocument(opened),
      vscode.workspace.onDidChangeNotebookDocument(({ notebook, contentChanges, cellChanges }) => {
        if (contentChanges.length > 0 || cellChanges.some(({ document }) => document !== undefined)) {
          this.#touch(notebook);
        }
      }),
      vscode.languages.registerHoverProvider(
        { notebookType: NOTEBOOK_TYPE },
        {
          provideHover: (document) => {
            const notebook = vscode.workspace.notebookDocuments.find((one) =>
              one.getCells().some((cell) => cell.document === document),
            );
            if (notebook !== undefined) {
              this.#touch(notebook);
            }
            return undefined;
          },
        },
      ),
    ];
    for (const notebook of vscode.workspace.notebookDocuments) {
      opened(notebook);
    }
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) {
      subscription.dispose();
    }
  }

  #touch(notebook: vscode.NotebookDocument): void {
    this.#touched.set(notebook, performance.now());
  }

  async #selected(notebook: vscode.NotebookDocument): Promise<void> {
    if (!this.#ready.has(notebook)) {
      return;
    }
    const at = performance.now();
    await sleep(SAME_MOMENT_MS); // VS Code may tell of the selection first
    await roundTrip();
    if (at - (this.#touched.get(notebook) ?? -Infinity) > SAME_MOMENT_MS) {
      this.#choices.fire(notebook);
    }
  }
}

/** VS Code's answer comes behind everything that it has told before: messages keep their order. Without an answer the window closes. */
async function roundTrip(): Promise<void> {
  await vscode.commands
    .executeCommand('setContext', 'sandboxedIPython.isActive', true)
    .then(undefined, () => undefined);
}
