import type * as vscode from 'vscode';
import { hover } from '../../ui/documentation';
import { signalOf, type SessionOf } from './session-of';
import { pageOf } from './inspection';
import { toCharacters } from './positions';

/** Shows IPython's documentation of the name under the pointer. */
export class HoverProvider implements vscode.HoverProvider {
  constructor(private readonly sessionOf: SessionOf) {}

  async provideHover(
    document: vscode.TextDocument,
    position: vscode.Position,
    token: vscode.CancellationToken,
  ): Promise<vscode.Hover | undefined> {
    const session = this.sessionOf(document);
    const range = document.getWordRangeAtPosition(position, /[A-Za-z_]\w*/);
    if (session === undefined || range === undefined) {
      return undefined;
    }
    const code = document.getText();
    const found = await session.inspect(code, toCharacters(code, document.offsetAt(position)), signalOf(token));
    const page = found === null ? '' : pageOf(found);
    return page === '' ? undefined : hover(page, range);
  }
}
