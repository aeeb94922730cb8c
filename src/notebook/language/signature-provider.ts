import * as vscode from 'vscode';
import { signature as shown } from '../../ui/documentation';
import { toCharacters } from './positions';
import { signalOf, type SessionOf } from './session-of';

/** Shows the signatures of the live object that is being called. */
export class SignatureProvider implements vscode.SignatureHelpProvider {
  constructor(private readonly sessionOf: SessionOf) {}

  async provideSignatureHelp(
    document: vscode.TextDocument,
    position: vscode.Position,
    token: vscode.CancellationToken,
  ): Promise<vscode.SignatureHelp | undefined> {
    const code = document.getText();
    const found = await this.sessionOf(document)?.signatures(
      code,
      toCharacters(code, document.offsetAt(position)),
      signalOf(token),
    );
    if (!found || found.length === 0) {
      return undefined;
    }
    const help = new vscode.SignatureHelp();
    help.signatures = found.map(shown);
    help.activeSignature = Math.max(
      0,
      found.findIndex(({ active }) => active !== null),
    );
    help.activeParameter = help.signatures[help.activeSignature]?.activeParameter ?? 0;
    return help;
  }
}
