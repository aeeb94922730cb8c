import * as vscode from 'vscode';
import { mergePackages, packageName } from '../session/installs/packages';
import type { SandboxSession } from '../session/types';
import { showInformation } from '../ui/messages';
import { fileName } from './cell-metadata';
import { SECTION } from './configuration';
import type { NotebookEventSource } from './notebook-events';

/** The user's own list of packages, or the default one. */
export function userPackages(): readonly string[] {
  const values = vscode.workspace.getConfiguration(SECTION).inspect<readonly string[]>('packages');
  return values?.globalValue ?? values?.defaultValue ?? [];
}

/** The installed packages that are not in the setting `packages`, and so not in the image. */
export function notInSettings(installed: readonly string[]): string[] {
  const there = new Set(userPackages().map(packageName));
  return mergePackages([], installed).filter((requirement) => !there.has(packageName(requirement)));
}

/** A list of names that is short enough for a message. */
export const shortList = (names: readonly string[]): string =>
  names.length > 5 ? `${names.slice(0, 5).join(', ')} …` : names.join(', ');

/**
 * Tells the user, once per notebook, that packages installed by cells are removed with the sandbox, and how to keep
 * them.
 */
export class LibraryOffers {
  #offered = false;

  constructor(private readonly notebook: vscode.NotebookDocument) {}

  /** Makes the offer when a cell has ended. */
  listen(events: NotebookEventSource): void {
    events.on('didEndRun', ({ session }) => this.#offer(session.installed));
  }

  #offer(installed: readonly string[]): void {
    if (this.#offered || installed.length === 0) {
      // This check comes before the settings are read, which takes a millisecond.
      return;
    }
    const names = notInSettings(installed);
    if (names.length === 0) {
      return;
    }
    this.#offered = true;
    offerToKeep(
      this.notebook,
      vscode.l10n.t(
        '{0}: only the sandbox of this notebook has {1}. Select "Add to Image" to have it in every sandbox.',
        fileName(this.notebook),
        shortList(names),
      ),
    );
  }
}

/** Shows a message with the button "Add to Image". */
export function offerToKeep(notebook: vscode.NotebookDocument, message: string): void {
  const add = vscode.l10n.t('Add to Image');
  showInformation(message, add).then(
    (chosen) => {
      if (chosen === add) {
        void vscode.commands.executeCommand('sandboxedIPython.addToImage', notebook.uri);
      }
    },
    () => undefined,
  );
}

/**
 * Offers to install the packages again after the sandbox was replaced by one with another image, which may need other
 * versions of them.
 */
export function offerReinstall(
  notebook: vscode.NotebookDocument,
  { installed }: Pick<SandboxSession, 'installed'>,
): void {
  const names = notInSettings(installed);
  if (names.length === 0) {
    return;
  }
  const again = vscode.l10n.t('Install Again');
  showInformation(
    vscode.l10n.t('{0}: the new sandbox has another image and lacks {1}.', fileName(notebook), shortList(names)),
    again,
  ).then(
    (chosen) => {
      if (chosen === again) {
        void vscode.commands.executeCommand('sandboxedIPython.installPackages', notebook.uri, names);
      }
    },
    () => undefined,
  );
}
