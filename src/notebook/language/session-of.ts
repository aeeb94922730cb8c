import type * as vscode from 'vscode';
import type { SandboxSession } from '../../session/types';

/** The live session of a cell's document; undefined if there is none, because editing never starts a sandbox. */
export type SessionOf = (document: vscode.TextDocument) => SandboxSession | undefined;

/** Returns a signal that aborts when the token is cancelled. */
export function signalOf(token: vscode.CancellationToken): AbortSignal {
  const abort = new AbortController();
  if (token.isCancellationRequested) {
    abort.abort();
  }
  token.onCancellationRequested(() => abort.abort());
  return abort.signal;
}
