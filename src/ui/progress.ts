import * as vscode from 'vscode';
import { inert } from './inert';

/** Shows a notification until `work` is settled. It has no button to cancel. */
export async function showWhile(title: string, work: Promise<void>): Promise<void> {
  await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, cancellable: false, title: inert(title) },
    () => work,
  );
}

/** Shows a notification with a cancel button until `work` is settled. `report` replaces the text after the title. */
export function withProgressNotification<T>(
  title: string,
  work: (report: (text: string) => void, token: vscode.CancellationToken) => Promise<T>,
): Promise<T> {
  const options = { location: vscode.ProgressLocation.Notification, cancellable: true, title: inert(title) };
  return Promise.resolve(
    vscode.window.withProgress(options, (progress, token) =>
      work((text) => progress.report({ message: inert(text) }), token),
    ),
  );
}
