import * as vscode from 'vscode';
import type { ExecuteReply, Failure } from '../../protocol/messages';
import type { CellRun } from './executions';

/** The most characters that a cell is given. IPython itself asks before it loads more than a fifth of this. */
const MAX_INPUT_CHARACTERS = 1_000_000;

/** The texts that `%load`, `%recall` and `set_next_input()` put into one notebook. */
export class NextInput {
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Puts the text that an ended cell has asked for into that cell or into a new cell below it. A source that the user
   * has edited meanwhile is kept. The requests of cells that end at the same time are handled one after the other,
   * because a new cell moves those below it.
   * @returns why the text was not put into the notebook
   */
  show(run: CellRun, { payload }: ExecuteReply): Promise<Failure | undefined> {
    const { text, replace } = payload.find(({ source }) => source === 'set_next_input') ?? {};
    if (typeof text !== 'string') {
      return Promise.resolve(undefined);
    }
    const shown = this.#last.then(() => insertInput(run, text, replace === true));
    this.#last = shown.catch(() => undefined);
    return shown;
  }
}

async function insertInput({ cell, source }: CellRun, text: string, replace: boolean): Promise<Failure | undefined> {
  if (cell.index < 0) {
    return undefined;
  }
  if (text.length > MAX_INPUT_CHARACTERS) {
    return { code: 'InputTooLong', params: { characters: text.length, limit: MAX_INPUT_CHARACTERS } };
  }
  const { document, notebook } = cell;
  const edit = new vscode.WorkspaceEdit();
  if (replace && document.getText() === source) {
    edit.replace(document.uri, document.validateRange(new vscode.Range(0, 0, document.lineCount, 0)), text);
  } else {
    const below = new vscode.NotebookCellData(vscode.NotebookCellKind.Code, text, document.languageId);
    edit.set(notebook.uri, [vscode.NotebookEdit.insertCells(cell.index + 1, [below])]);
  }
  await vscode.workspace.applyEdit(edit);
  return undefined;
}
