import * as vscode from 'vscode';
import { NOTEBOOK_TYPE } from '../notebook/controller';
import { showInformation } from '../ui/messages';

/** What VS Code hands to a command of the notebook toolbar. */
interface ToolbarContext {
  notebookEditor: { notebookUri: vscode.Uri };
}

const isCell = (argument: unknown): argument is vscode.NotebookCell =>
  typeof argument === 'object' &&
  argument !== null &&
  'notebook' in argument &&
  'document' in argument &&
  'index' in argument;

/** The cell that a command is for: the menu's, else the selected one of the notebook in front. Tells the user if there is none. */
export function targetCell(argument: unknown): vscode.NotebookCell | undefined {
  if (isCell(argument)) {
    return argument;
  }
  const notebook = targetNotebook(argument);
  const selected = vscode.window.visibleNotebookEditors.find((editor) => editor.notebook === notebook)?.selection.start;
  return notebook === undefined || selected === undefined || selected >= notebook.cellCount
    ? undefined
    : notebook.cellAt(selected);
}

const isToolbarContext = (argument: unknown): argument is ToolbarContext =>
  typeof argument === 'object' &&
  argument !== null &&
  'notebookEditor' in argument &&
  (argument.notebookEditor as { notebookUri?: unknown } | undefined)?.notebookUri instanceof vscode.Uri;

/** The notebook that a command is for: the toolbar's, the one of a Uri, else the active editor's. Tells the user if there is none. */
export function targetNotebook(argument: unknown): vscode.NotebookDocument | undefined {
  const uri =
    argument instanceof vscode.Uri
      ? argument
      : isToolbarContext(argument)
        ? argument.notebookEditor.notebookUri
        : undefined;
  const notebook =
    uri === undefined
      ? vscode.window.activeNotebookEditor?.notebook
      : vscode.workspace.notebookDocuments.find((open) => open.uri.toString() === uri.toString());
  if (notebook?.notebookType === NOTEBOOK_TYPE) {
    return notebook;
  }
  void showInformation(vscode.l10n.t('Open the notebook first: this command works on the notebook in front.'));
  return undefined;
}
