import * as vscode from 'vscode';
import { codeBlock, inert, inertBlock } from './inert';

/** Maximum length of a diagnostic's text, in UTF-16 units. */
const MAX_DIAGNOSTIC_LENGTH = 500;
/** Maximum length of a name in the list of completions, in UTF-16 units. */
const MAX_NAME_LENGTH = 200;

/** Shows text unchanged: nothing in it becomes a link, an icon, or a picture that VS Code would download. */
export const documentation = (text: string): vscode.MarkdownString => new vscode.MarkdownString(codeBlock(text));

export const hover = (text: string, range: vscode.Range): vscode.Hover => new vscode.Hover(documentation(text), range);

export function diagnostic(range: vscode.Range, text: string, source: string): vscode.Diagnostic {
  const result = new vscode.Diagnostic(range, inertBlock(text, MAX_DIAGNOSTIC_LENGTH), vscode.DiagnosticSeverity.Error);
  result.source = source;
  return result;
}

/** A completion whose name is inserted unchanged and shown as inert text. */
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

export interface ShownSignature {
  label: string;
  /** Each parameter as it appears in the label. */
  parameters: readonly string[];
  /** Index of the parameter that is marked; null = none. */
  active: number | null;
  documentation: string;
}

/** A signature as inert text, with the parameter marked that the argument at the cursor fills. */
export function signature({
  label,
  parameters,
  active,
  documentation: text,
}: ShownSignature): vscode.SignatureInformation {
  const information = new vscode.SignatureInformation(inert(label), documentation(text));
  information.parameters = parameters.map((parameter) => new vscode.ParameterInformation(inert(parameter)));
  information.activeParameter = active ?? parameters.length; // VS Code marks none at this index
  return information;
}
