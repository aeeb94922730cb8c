import * as vscode from 'vscode';
import { fileName } from './cell-metadata';

/** Another window has the notebook's sandbox: which one is to have it is the user's decision. Undefined: none for now. */
export async function askWhoseItIs(notebook: vscode.NotebookDocument): Promise<'here' | 'new' | undefined> {
  const [here, another] = [vscode.l10n.t('Use Here'), vscode.l10n.t('New Sandbox')];
  const text = vscode.l10n.t('{0}: another window uses the sandbox of this notebook.', fileName(notebook));
  const chosen = await vscode.window.showInformationMessage(text, here, another);
  return chosen === here ? 'here' : chosen === another ? 'new' : undefined;
}

/** What a cell that has failed with `InUse` does not say: nothing runs by itself now. */
export function tellNew(notebook: vscode.NotebookDocument): void {
  void vscode.window.showInformationMessage(vscode.l10n.t('{0}: run the cell again: it starts a new sandbox.', fileName(notebook)));
}
