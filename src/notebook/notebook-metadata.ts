import * as vscode from 'vscode';

/** The metadata that Jupyter's front ends write, so that the file opens with a Python kernel in any of them. */
const KERNELSPEC = { display_name: 'Python 3', language: 'python', name: 'python3' };
const LANGUAGE_INFO = {
  name: 'python',
  mimetype: 'text/x-python',
  file_extension: '.py',
  pygments_lexer: 'ipython3',
  codemirror_mode: { name: 'ipython', version: 3 },
};

interface Metadata {
  metadata?: { kernelspec?: unknown; language_info?: unknown };
  nbformat?: number;
}

/**
 * Adds `kernelspec` and `language_info` to a notebook that lacks them. To be called when a cell has run, because the
 * file has changed then anyway.
 */
export async function completeMetadata(notebook: vscode.NotebookDocument): Promise<void> {
  const known = notebook.metadata as Metadata;
  const { kernelspec, language_info: language } = known.metadata ?? {};
  if (notebook.isClosed || (kernelspec !== undefined && language !== undefined)) {
    return;
  }
  const edit = new vscode.WorkspaceEdit();
  const metadata = {
    ...known.metadata,
    kernelspec: kernelspec ?? KERNELSPEC,
    language_info: language ?? LANGUAGE_INFO,
  };
  edit.set(notebook.uri, [vscode.NotebookEdit.updateNotebookMetadata({ ...known, metadata })]);
  await vscode.workspace.applyEdit(edit);
}
