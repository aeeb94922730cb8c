import * as vscode from 'vscode';
import type { Log } from '../../log';
import { showInformation } from '../../ui/messages';
import { fileName } from '../cell-metadata';

/** Asks which window is to have a notebook's sandbox. Only one question at a time is open for a notebook. */
export class TakeoverPrompt {
  #isOpen = false;

  constructor(
    private readonly notebook: vscode.NotebookDocument,
    private readonly log: Log,
  ) {}

  /**
   * Another window uses the notebook's sandbox, and the user decides which window keeps it. `decided` is not called if
   * the user closes the question.
   */
  ask(decided: (which: 'here' | 'new') => Promise<void>): void {
    if (this.#isOpen) {
      return;
    }
    this.#isOpen = true;
    choose(this.notebook)
      .finally(() => {
        this.#isOpen = false;
      })
      .then((which) => (which === undefined ? undefined : decided(which)))
      .catch((error: unknown) => this.log.error(String(error)));
  }
}

async function choose(notebook: vscode.NotebookDocument): Promise<'here' | 'new' | undefined> {
  const [here, another] = [vscode.l10n.t('Use Here'), vscode.l10n.t('New Sandbox')];
  const text = vscode.l10n.t('{0}: another window uses the sandbox of this notebook.', fileName(notebook));
  const chosen = await showInformation(text, here, another);
  return chosen === here ? 'here' : chosen === another ? 'new' : undefined;
}

/** Tells the user that the cell that failed with `InUse` does not run again by itself. */
export function showNewSandboxHint(notebook: vscode.NotebookDocument): void {
  void showInformation(vscode.l10n.t('{0}: run the cell again to start a new sandbox.', fileName(notebook)));
}
