import * as vscode from 'vscode';
import { cellHint } from '../../ui/status';
import { LANGUAGE, NOTEBOOK_TYPE, type SandboxController } from '../controller';

/**
 * VS Code silently skips a cell whose language the kernel does not support. This shows the reason at the cell. A click
 * on it offers to change the language.
 */
export class LanguageHint implements vscode.NotebookCellStatusBarItemProvider, vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly onDidChangeCellStatusBarItems = this.#changed.event;
  readonly #subscriptions: vscode.Disposable[];

  constructor(private readonly controller: SandboxController) {
    this.#subscriptions = [
      vscode.notebooks.registerNotebookCellStatusBarItemProvider(NOTEBOOK_TYPE, this),
      controller.onDidChangeSelection(() => this.#changed.fire()),
      this.#changed,
    ];
  }

  provideCellStatusBarItems(cell: vscode.NotebookCell): vscode.NotebookCellStatusBarItem | undefined {
    if (
      cell.kind !== vscode.NotebookCellKind.Code ||
      cell.document.languageId === LANGUAGE ||
      !this.controller.isSelectedFor(cell.notebook)
    ) {
      return undefined;
    }
    return cellHint({
      icon: 'warning',
      text: vscode.l10n.t('Not run: Sandboxed IPython runs Python, not {0}', cell.document.languageId),
      tooltip: vscode.l10n.t("Change the cell's language to Python to run it here"),
      command: 'notebook.cell.changeLanguage',
    });
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) {
      subscription.dispose();
    }
  }
}
