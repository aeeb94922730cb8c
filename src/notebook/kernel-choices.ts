import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import { NOTEBOOK_TYPE, type SandboxController } from './controller';

/**
 * Milliseconds between an action in a notebook and a selection that VS Code makes because of it. A user needs longer
 * to get to the kernel picker.
 */
const SAME_MOMENT_MS = 1_000;

/**
 * Reports when the user chooses our kernel for a notebook. VS Code reports every selection, but not who made it or
 * why. It makes two kinds of selections itself. It selects the kernel that the notebook had before, as soon as
 * notebook and kernel exist. And if the notebook's toolbar is hidden (`notebook.globalToolbar`), it selects the only
 * available kernel when a cell is edited or the pointer rests on one (`ImplictKernelSelector` in VS Code's sources).
 * The user makes all other selections, in the picker or by running a cell.
 */
export class KernelChoices implements vscode.Disposable {
  readonly #choices = new vscode.EventEmitter<vscode.NotebookDocument>();
  /** Notebooks whose former kernel, if they had one, VS Code has selected by now. */
  readonly #ready = new WeakSet<vscode.NotebookDocument>();
  /** The time (`performance.now()`) at which a cell was last edited or pointed at. */
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
    await sleep(SAME_MOMENT_MS); // VS Code may report the selection before the action
    await roundTrip();
    if (at - (this.#touched.get(notebook) ?? -Infinity) > SAME_MOMENT_MS) {
      this.#choices.fire(notebook);
    }
  }
}

/**
 * Resolves after all events that VS Code has sent before, because messages keep their order. VS Code gives no answer
 * if the window closes.
 */
async function roundTrip(): Promise<void> {
  await vscode.commands
    .executeCommand('setContext', 'sandboxedIPython.isActive', true)
    .then(undefined, () => undefined);
}
