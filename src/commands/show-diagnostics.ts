import * as vscode from 'vscode';
import { describe, join, paragraph, type MessageContext } from '../messages';
import { SECTION, readSettings } from '../notebook/configuration';
import { fileName } from '../notebook/cell-metadata';
import { imageRequest } from '../notebook/sandbox/session-starter';
import type { SandboxError } from '../protocol/errors';
import { asSandboxError } from '../session/failures';
import { SETTING_NAMES } from '../session/settings';
import type { CommandDependencies } from './dependencies';
import { diagnosticsText, type Finding } from './diagnostics-text';

/** The page is not a file, so VS Code closes it without asking to save it. */
const PAGE_URI = vscode.Uri.from({ scheme: 'sandboxed-ipython', path: 'Diagnostics.md' });

/** How long to wait until VS Code has replaced the text of a page that it still keeps. */
const PAGE_UPDATE_TIMEOUT_MS = 2_000;

/** The page with the diagnostics. Each call of {@link show} replaces its text. */
export class DiagnosticsPage implements vscode.TextDocumentContentProvider, vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.#changed.event;
  readonly #registration = vscode.workspace.registerTextDocumentContentProvider(PAGE_URI.scheme, this);
  #text = '';

  provideTextDocumentContent(): string {
    return this.#text;
  }

  async show(text: string): Promise<void> {
    this.#text = text;
    this.#changed.fire(PAGE_URI);
    const document = await vscode.languages.setTextDocumentLanguage(
      await vscode.workspace.openTextDocument(PAGE_URI),
      'markdown',
    );
    await this.#textIsShown(document);
    await vscode.window.showTextDocument(document, { preview: false });
  }

  /** VS Code keeps a page for minutes after its tab was closed, and first shows its old text. Resolves when the document has the new text. */
  #textIsShown(document: vscode.TextDocument): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (document.getText() === this.#text) {
          done();
        }
      };
      const listener = vscode.workspace.onDidChangeTextDocument(check);
      const timer = setTimeout(() => done(), PAGE_UPDATE_TIMEOUT_MS);
      const done = (): void => {
        clearTimeout(timer);
        listener.dispose();
        resolve();
      };
      check();
    });
  }

  dispose(): void {
    this.#registration.dispose();
    this.#changed.dispose();
  }
}

/** The message of an error, with the address that was tried if the message does not have it. */
function messageOf(error: SandboxError, messageContext: MessageContext): string {
  const { tried } = error.params;
  const text = paragraph(describe(error, messageContext));
  return typeof tried !== 'string' || text.includes(tried) ? text : join(text, vscode.l10n.t('Tried: {0}.', tried));
}

/** Opens a page about this window's engine, image, versions and sandboxes, to be read or pasted into a report. */
export async function showDiagnostics(
  page: DiagnosticsPage,
  { controller, installation, messageContext, version }: CommandDependencies,
): Promise<void> {
  const found = <T>(look: () => Promise<T>): Promise<Finding<T>> =>
    look().then(
      (value) => ({ value }),
      (error: unknown) => ({ problem: messageOf(asSandboxError(error), messageContext) }),
    );
  const configuration = vscode.workspace.getConfiguration(SECTION);
  const text = diagnosticsText({
    window: {
      'Sandboxed IPython': version,
      'VS Code': `${vscode.version} (${vscode.env.appHost})`,
      Remote: vscode.env.remoteName ?? 'none',
      Platform: `${process.platform} ${process.arch}`,
      'Node.js': process.versions.node,
      'Workspace trusted': vscode.workspace.isTrusted ? 'yes' : 'no',
    },
    engine: await found(async () => (await installation.engines.get()).info),
    image: await found(async () => {
      const settings = readSettings(vscode.window.activeNotebookEditor?.notebook.uri, installation.log);
      return {
        reference: settings.image,
        ...(await (await installation.engines.get()).findImages(await imageRequest(installation, settings))),
      };
    }),
    sandboxes: controller.sandboxes.notebooks.map((notebook) => ({
      notebook: fileName(notebook),
      state: controller.sandboxes.get(notebook)?.status.kind ?? 'none',
    })),
    settings: SETTING_NAMES.flatMap((name) =>
      isDefault(configuration.inspect(name))
        ? []
        : [{ name: `${SECTION}.${name}`, value: JSON.stringify(configuration.get(name)) }],
    ),
    environment: Object.keys(process.env),
  });
  await page.show(text);
}

interface Inspected {
  globalValue?: unknown;
  workspaceValue?: unknown;
  workspaceFolderValue?: unknown;
}
const isDefault = (inspected: Inspected | undefined): boolean =>
  [inspected?.globalValue, inspected?.workspaceValue, inspected?.workspaceFolderValue].every(
    (value) => value === undefined,
  );
