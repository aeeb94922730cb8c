import * as vscode from 'vscode';
import { LANGUAGE, NOTEBOOK_TYPE, type SandboxController } from '../controller';
import { CompletionProvider } from './completion-provider';
import { HoverProvider } from './hover-provider';
import type { SessionOf } from './session-of';
import { SignatureProvider } from './signature-provider';

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
