import * as vscode from 'vscode';
import { mergePackages, packageName } from '../session/packages';
import type { SandboxSession } from '../session/types';
import { showInformation } from '../ui/messages';
import { fileName } from './cell-metadata';
import { SECTION } from './configuration';

/** The user's own list, or the default one. */
export function userPackages(): readonly string[] {
  const values = vscode.workspace.getConfiguration(SECTION).inspect<readonly string[]>('packages');
  return values?.globalValue ?? values?.defaultValue ?? [];
}

/** What of this is in no image that the settings ask for. */
export function notInSettings(installed: readonly string[]): string[] {
  const there = new Set(userPackages().map(packageName));
  return mergePackages([], installed).filter((requirement) => !there.has(packageName(requirement)));
}

/** A few names, as a message can have them. */
export const shortList = (names: readonly string[]): string =>
  names.length > 5 ? `${names.slice(0, 5).join(', ')} …` : names.join(', ');

/** Says once a notebook that what its cells installed goes with the sandbox, and how it would stay. */
export class LibraryOffers {
  #offered = false;

  constructor(private readonly notebook: vscode.NotebookDocument) {}

  /** A cell has ended. */
  offer(installed: readonly string[]): void {
    if (this.#offered || installed.length === 0) {
      return;
    } // before the settings are read, which takes a millisecond
    const names = notInSettings(installed);
    if (names.length === 0) {
      return;
    }
    this.#offered = true;
    offerToKeep(
      this.notebook,
      vscode.l10n.t(
        "{0}: {1} stays as long as this notebook's sandbox. To have it in every sandbox: Add to Image.",
        fileName(this.notebook),
        shortList(names),
      ),
    );
  }
}

/** A message with the button "Add to Image". */
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

/** The sandbox was made anew from another image, for which other libraries may be right. */
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
