import * as vscode from 'vscode';
import { inert } from './inert';

/** A notification with a button that cancels, as long as `work` goes on; `report` replaces the text behind the title. */
export function withProgressNotification<T>(title: string, work: (report: (text: string) => void, token: vscode.CancellationToken) => Promise<T>): Promise<T> {
  const options = { location: vscode.ProgressLocation.Notification, cancellable: true, title: inert(title) };
  return Promise.resolve(vscode.window.withProgress(options, (progress, token) => work((text) => progress.report({ message: inert(text) }), token)));
}
