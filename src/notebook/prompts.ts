import * as vscode from 'vscode';
import type { EventContents } from '../protocol/messages';
import { fileName } from './cell-metadata';
import type { CellRun } from './executions';

/**
 * Asks the user what `input()` or `getpass()` of this run asks.
 * @returns undefined when the user pressed Escape or the cell ended meanwhile
 */
export async function askUser(run: CellRun, { prompt, password }: EventContents['input_request']): Promise<string | undefined> {
  const order = run.execution.executionOrder;
  const cell = order === undefined ? vscode.l10n.t('Cell {0}', run.cell.index + 1) : vscode.l10n.t('Cell [{0}]', order);
  return vscode.window.showInputBox({
    title: vscode.l10n.t('{0} of {1} asks', cell, fileName(run.cell.notebook)),
    prompt: prompt.trim() === '' ? vscode.l10n.t('The cell waits for your input. Escape interrupts it.') : prompt,
    password, ignoreFocusOut: true,
  }, run.ended);
}

/** What the output keeps of the answer. */
export const echoOf = (answer: string, password: boolean): string => `${password ? '········' : answer}\n`;
