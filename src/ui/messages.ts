import * as vscode from 'vscode';
import { inert } from './inert';

type Show = (text: string, ...actions: string[]) => Thenable<string | undefined>;

/** Shows a notification. Resolves to the action that the user chose, or to undefined if there was none. */
export const showInformation = (text: string, ...actions: string[]): Promise<string | undefined> =>
  show((...shown) => vscode.window.showInformationMessage(...shown), text, actions);

/** See {@link showInformation}. */
export const showWarning = (text: string, ...actions: string[]): Promise<string | undefined> =>
  show((...shown) => vscode.window.showWarningMessage(...shown), text, actions);

/** See {@link showInformation}. */
export const showError = (text: string, ...actions: string[]): Promise<string | undefined> =>
  show((...shown) => vscode.window.showErrorMessage(...shown), text, actions);

/** Shows a modal dialog. Resolves to whether the user chose `action`. */
export async function confirm(text: string, action: string, detail = ''): Promise<boolean> {
  const label = inert(action);
  return (
    (await vscode.window.showWarningMessage(
      inert(text),
      { modal: true, ...(detail !== '' && { detail: inert(detail) }) },
      label,
    )) === label
  );
}

async function show(message: Show, text: string, actions: readonly string[]): Promise<string | undefined> {
  const labels = actions.map((action) => inert(action));
  const chosen = await message(inert(text), ...labels);
  return chosen === undefined ? undefined : actions[labels.indexOf(chosen)];
}
