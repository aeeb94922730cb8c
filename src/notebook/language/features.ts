import * as vscode from 'vscode';
import type { SandboxSession } from '../../session/types';
import { LANGUAGE, NOTEBOOK_TYPE, type SandboxController } from '../controller';
import { CompletionProvider } from './completion-provider';
import { HoverProvider } from './hover-provider';
import { SignatureProvider } from './signature-provider';

/** The live session of a cell's document; undefined if there is none, because editing never starts a sandbox. */
export type SessionOf = (document: vscode.TextDocument) => SandboxSession | undefined;

/**
 * Registers what only the live kernel knows, beside what a language server reads from the source: defined names,
 * columns, magics.
 */
export function registerLanguageFeatures(controller: SandboxController): vscode.Disposable {
  const selector: vscode.DocumentSelector = { notebookType: NOTEBOOK_TYPE, language: LANGUAGE };
  const sessionOf: SessionOf = (document) => {
    const notebook = vscode.workspace.notebookDocuments.find((one) =>
      one.getCells().some((cell) => cell.document === document),
    );
    return notebook !== undefined && controller.isSelectedFor(notebook)
      ? controller.sandboxes.get(notebook)?.session
      : undefined;
  };
  return vscode.Disposable.from(
    vscode.languages.registerCompletionItemProvider(
      selector,
      new CompletionProvider(sessionOf),
      '.',
      '%',
      '[',
      '"',
      "'",
    ),
    vscode.languages.registerHoverProvider(selector, new HoverProvider(sessionOf)),
    vscode.languages.registerSignatureHelpProvider(selector, new SignatureProvider(sessionOf), '(', ','),
  );
}

/** Returns a signal that aborts when the token is cancelled. */
export function signalOf(token: vscode.CancellationToken): AbortSignal {
  const abort = new AbortController();
  if (token.isCancellationRequested) {
    abort.abort();
  }
  token.onCancellationRequested(() => abort.abort());
  return abort.signal;
}
