import * as vscode from 'vscode';
import type { Log } from '../../log';
import { showInformation } from '../../ui/messages';
import { fileName } from '../cell-metadata';

/** The question of one notebook, asked once at a time. */
export class TakeoverPrompt {
  #isOpen = false;

  constructor(
    private readonly notebook: vscode.NotebookDocument,
    private readonly log: Log,
  ) {}

  /** Another window has the notebook's sandbox: which one is to have it is the user's decision. `decided` is not called where there is none. */
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

/** What a cell that has failed with `InUse` does not say: nothing runs by itself now. */
export function showNewSandboxHint(notebook: vscode.NotebookDocument): void {
  void showInformation(vscode.l10n.t('{0}: run the cell again: it starts a new sandbox.', fileName(notebook)));
}
