import * as vscode from 'vscode';
import { engineName } from '../../engine/identity';
import type { Log } from '../../log';
import { showInformation } from '../../ui/messages';
import { fileName } from '../cell-metadata';
import { readSettings } from '../configuration';
import type { SandboxController } from '../controller';
import type { SandboxRecords } from './sandbox-records';
import type { Installation } from './session-starter';

const USED_KEY = 'used';

export interface FoundSandboxesOptions {
  controller: SandboxController;
  installation: Pick<Installation, 'engines' | 'owner'>;
  records: SandboxRecords;
  /** State that is shared by all workspaces. */
  memento: vscode.Memento;
  log: Log;
}

/**
 * Offers to use the sandbox that a notebook has in another workspace, which the state of this workspace does not list.
 * Asks the engine only if this installation has had a sandbox before, so that users who only read notebooks need no
 * engine.
 */
export class FoundSandboxes implements vscode.Disposable {
  readonly #subscriptions: vscode.Disposable[];
  readonly #offered = new Set<string>();

  constructor(private readonly options: FoundSandboxesOptions) {
    const { controller, memento, log } = options;
    this.#subscriptions = [
      controller.onDidSelect((notebook) => {
        this.#offerFound(notebook).catch((error: unknown) =>
          log.debug(`sandboxes of other windows were not looked for: ${String(error)}`),
        );
      }),
      controller.onDidChangeStatus((notebook) => {
        if (controller.sandboxes.get(notebook)?.session !== undefined && memento.get(USED_KEY) !== true) {
          void memento.update(USED_KEY, true);
        }
      }),
    ];
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) {
      subscription.dispose();
    }
  }

  async #offerFound(notebook: vscode.NotebookDocument): Promise<void> {
    const uri = notebook.uri.toString();
    if (
      this.options.memento.get(USED_KEY) !== true ||
      notebook.isUntitled ||
      this.#offered.has(uri) ||
      this.options.records.get(notebook.uri) !== undefined
    ) {
      return;
    }
    const engine = await this.options.installation.engines.get();
    const found = (await engine.findSandboxes(await this.options.installation.owner()))
      .filter(({ notebookHint }) => notebookHint === uri)
      .sort((a, b) => b.created - a.created)[0];
    const isFree = (): boolean =>
      this.options.controller.isSelectedFor(notebook) &&
      this.options.records.get(notebook.uri) === undefined &&
      this.options.controller.sandboxes.get(notebook)?.session === undefined;
    if (found === undefined || !isFree()) {
      return;
    }
    this.#offered.add(uri);
    const [here, another] = [vscode.l10n.t('Use Here'), vscode.l10n.t('New Sandbox')];
    const since = new Date(found.created).toLocaleString();
    const text = vscode.l10n.t(
      '{0}: a sandbox of this notebook, started in another window, has been running since {1}.',
      fileName(notebook),
      since,
    );
    if ((await showInformation(text, here, another)) !== here || !isFree()) {
      return;
    }
    const settings = readSettings(notebook.uri, this.options.log);
    this.options.records.set(notebook.uri, {
      engine: engine.info.id,
      engineName: engineName(engine.info),
      sandboxId: found.sandboxId,
      image: found.image,
      libraries: found.libraries,
      boot: '',
      seq: 0,
      host: '',
      settings,
      installed: [],
      keepAlive: settings.keepAlive,
      seen: Date.now(),
    });
    await this.options.controller.sandboxes.of(notebook).reattach({ takeOver: true });
  }
}
