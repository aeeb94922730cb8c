import * as vscode from 'vscode';
import { inert } from './inert';

/** A notification that stays as long as `work` goes on, which nobody can cancel. */
export async function showWhile(title: string, work: Promise<void>): Promise<void> {
  await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, cancellable: false, title: inert(title) },
    () => work,
  );
}

/** A notification with a button that cancels, as long as `work` goes on; `report` replaces the text behind the title. */
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
