import * as vscode from 'vscode';
import { codeBlock, inert, inertBlock } from './inert';

/** Characters of a diagnostic's text. */
const MAX_DIAGNOSTIC_LENGTH = 500;
/** Characters of a name in the list of completions. */
const MAX_NAME_LENGTH = 200;

/** Text as it is: nothing in it becomes a link, a picture, which VS Code would fetch unasked, or an icon. */
export const documentation = (text: string): vscode.MarkdownString => new vscode.MarkdownString(codeBlock(text));

export const hover = (text: string, range: vscode.Range): vscode.Hover => new vscode.Hover(documentation(text), range);

export function diagnostic(range: vscode.Range, text: string, source: string): vscode.Diagnostic {
  const found = new vscode.Diagnostic(range, inertBlock(text, MAX_DIAGNOSTIC_LENGTH), vscode.DiagnosticSeverity.Error);
  found.source = source;
  return found;
}

/** A name that is inserted as it is, and shown inert. */
export class InertCompletion extends vscode.CompletionItem {
  constructor(name: string, kind: vscode.CompletionItemKind, detail: string) {
    super(inert(name, MAX_NAME_LENGTH), kind);
    this.detail = inert(detail, MAX_NAME_LENGTH);
    if (this.label !== name) {
      [this.insertText, this.filterText] = [name, name];
    }
  }

  document(text: string): void {
    this.documentation = documentation(text);
  }
}

/** @param parameters each as it stands in the label */
export function signature(label: string, parameters: readonly string[], text: string): vscode.SignatureInformation {
  const information = new vscode.SignatureInformation(inert(label), documentation(text));
  information.parameters = parameters.map((parameter) => new vscode.ParameterInformation(inert(parameter)));
  return information;
}
