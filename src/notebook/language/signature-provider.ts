import * as vscode from 'vscode';
import { signature as shown } from '../../ui/documentation';
import { callAt } from './call';
import { signalOf, type SessionOf } from './session-of';
import { pageOf, parameterFor, signatureOf } from './inspection';
import { toCharacters } from './positions';

/** Shows the signature of the live object that is being called. */
export class SignatureProvider implements vscode.SignatureHelpProvider {
  constructor(private readonly sessionOf: SessionOf) {}

  async provideSignatureHelp(
    document: vscode.TextDocument,
    position: vscode.Position,
    token: vscode.CancellationToken,
  ): Promise<vscode.SignatureHelp | undefined> {
    const session = this.sessionOf(document);
    const code = document.getText();
    const call = callAt(code, document.offsetAt(position));
    if (session === undefined || call === undefined) {
      return undefined;
    }
    const found = await session.inspect(code, toCharacters(code, call.calleeEnd), signalOf(token));
    const signature = found === null ? undefined : signatureOf(pageOf(found));
    if (signature === undefined) {
      return undefined;
    }
    const help = new vscode.SignatureHelp();
    help.signatures = [shown(signature.label, signature.parameters, signature.documentation)];
    help.activeSignature = 0;
    help.activeParameter = parameterFor(signature, call.argument, call.keyword) ?? signature.parameters.length;
    return help;
  }
}
