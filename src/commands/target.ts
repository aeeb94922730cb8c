import * as vscode from 'vscode';
import { NOTEBOOK_TYPE } from '../notebook/controller';
import { showInformation } from '../ui/messages';

/** The argument that VS Code passes to a command of the notebook toolbar. */
interface ToolbarContext {
  notebookEditor: { notebookUri: vscode.Uri };
}

const isCell = (argument: unknown): argument is vscode.NotebookCell =>
  typeof argument === 'object' &&
  argument !== null &&
  'notebook' in argument &&
  'document' in argument &&
  'index' in argument;

/** The cell that a command is for: the cell of the menu, or else the selected cell of the active notebook. Tells the user if no notebook is open. */
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

/** The notebook that a command is for: that of the toolbar or of a Uri, or else the active editor's. Tells the user if there is none. */
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
  void showInformation(vscode.l10n.t('Open a notebook first. This command works on the active notebook.'));
  return undefined;
}
