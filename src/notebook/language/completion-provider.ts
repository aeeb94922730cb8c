import * as vscode from 'vscode';
import type { SandboxSession } from '../../session/types';
import { InertCompletion } from '../../ui/documentation';
import { signalOf, type SessionOf } from './session-of';
import { pageOf } from './inspection';
import { rangeOf, toCharacters } from './positions';

/** Language servers that complete from the source. Names that an active one offers are not offered again. */
const SERVERS = [
  'ms-python.vscode-pylance',
  'ms-python.python',
  'detachhead.basedpyright',
  'anysphere.cursorpyright',
  'astral-sh.ty',
];

const KINDS: Readonly<Record<string, vscode.CompletionItemKind>> = {
  function: vscode.CompletionItemKind.Function,
  class: vscode.CompletionItemKind.Class,
  module: vscode.CompletionItemKind.Module,
  instance: vscode.CompletionItemKind.Variable,
  statement: vscode.CompletionItemKind.Variable,
  param: vscode.CompletionItemKind.Variable,
  keyword: vscode.CompletionItemKind.Keyword,
  property: vscode.CompletionItemKind.Property,
  magic: vscode.CompletionItemKind.Event,
  path: vscode.CompletionItemKind.File,
  'dict key': vscode.CompletionItemKind.Field,
};

class KernelItem extends InertCompletion {
  /** The code as it would be with this item inserted. It is used to ask for the item's documentation. */
  completed = { code: '', end: 0 };
}

/**
 * Completes with names of the live kernel: attributes of real objects, keys of dictionaries, columns of data frames,
 * magics.
 */
export class CompletionProvider implements vscode.CompletionItemProvider<KernelItem> {
  /**
   * Requests to the kernel in progress, by position. VS Code asks this provider again when this provider asks VS Code
   * for the items of all others.
   */
  readonly #asked = new Map<string, ReturnType<SandboxSession['complete']>>();

  constructor(private readonly sessionOf: SessionOf) {}

  async provideCompletionItems(
    document: vscode.TextDocument,
    position: vscode.Position,
    token: vscode.CancellationToken,
  ): Promise<KernelItem[] | undefined> {
    const session = this.sessionOf(document);
    if (session === undefined) {
      return undefined;
    }
    const code = document.getText();
    const place = [document.uri.toString(), document.version, position.line, position.character].join();
    const asked = this.#asked.get(place);
    const complete = asked ?? session.complete(code, toCharacters(code, document.offsetAt(position)), signalOf(token));
    const others = asked === undefined ? this.#askOthers(place, complete, document, position) : Promise.resolve([]);
    const [found, offered] = await Promise.all([complete, others]);
    if (found === null || token.isCancellationRequested) {
      return undefined;
    }
    const range = rangeOf(document, code, found.start, found.end);
    const [before, after] = [code.slice(0, document.offsetAt(range.start)), code.slice(document.offsetAt(range.end))];
    const ours = new Set(found.matches.map(({ type }) => detailOf(type)));
    const known = new Set(
      offered
        .filter(({ detail }) => !ours.has(detail ?? ''))
        .map(({ label }) => (typeof label === 'string' ? label : label.label)),
    );
    return found.matches
      .filter(({ text }) => !known.has(text))
      .map(({ text, type }) => {
        const item = new KernelItem(text, KINDS[type] ?? vscode.CompletionItemKind.Value, detailOf(type));
        item.range = range;
        item.completed = { code: before + text + after, end: before.length + text.length };
        return item;
      });
  }

  async resolveCompletionItem(item: KernelItem, token: vscode.CancellationToken): Promise<KernelItem> {
    const document = vscode.window.activeTextEditor?.document;
    const session = document === undefined ? undefined : this.sessionOf(document);
    const { code, end } = item.completed;
    const found = await session?.inspect(code, toCharacters(code, end), signalOf(token));
    const page = found === undefined || found === null ? '' : pageOf(found);
    if (page !== '') {
      item.document(page);
    }
    return item;
  }

  /** The items that all providers, including this one, offer at the position. */
  async #askOthers(
    place: string,
    complete: ReturnType<SandboxSession['complete']>,
    document: vscode.TextDocument,
    position: vscode.Position,
  ): Promise<vscode.CompletionItem[]> {
    if (!SERVERS.some((id) => vscode.extensions.getExtension(id)?.isActive === true)) {
      return [];
    }
    this.#asked.set(place, complete);
    try {
      return (
        await vscode.commands.executeCommand<vscode.CompletionList>(
          'vscode.executeCompletionItemProvider',
          document.uri,
          position,
        )
      ).items;
    } finally {
      this.#asked.delete(place);
    }
  }
}

const detailOf = (type: string): string =>
  type === '' || type === '<unknown>' ? vscode.l10n.t('from the kernel') : vscode.l10n.t('{0}, from the kernel', type);
