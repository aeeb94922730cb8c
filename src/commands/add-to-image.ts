import * as vscode from 'vscode';
import { SECTION } from '../notebook/configuration';
import type { SandboxController } from '../notebook/controller';
import { userPackages } from '../notebook/library-offers';
import { mergePackages, packageName } from '../session/installs/packages';
import { chooseSome } from '../ui/inputs';
import { showInformation } from '../ui/messages';

/** Adds packages that were installed in this notebook's sandbox to the user's setting `packages`, so that every later sandbox has them. */
export async function addToImage(controller: SandboxController, notebook: vscode.NotebookDocument): Promise<void> {
  const installed = mergePackages([], controller.sandboxes.get(notebook)?.installed ?? []);
  if (installed.length === 0) {
    void showInformation(
      vscode.l10n.t(
        'Nothing was installed in the sandbox of this notebook. Use "Install Packages…" or %pip install first.',
      ),
    );
    return;
  }
  const own = new Map(userPackages().map((one) => [packageName(one), one]));
  const items = installed.map((label) => {
    const before = own.get(packageName(label));
    const replaces = before !== undefined && before !== label;
    return {
      value: label,
      label,
      picked: !replaces,
      description: replaces ? vscode.l10n.t('replaces {0}', before) : '',
    };
  });
  const chosen = await chooseSome(items, {
    title: vscode.l10n.t('Packages for the Image'),
    placeholder: vscode.l10n.t('They are added to the setting sandboxedIPython.packages, for all notebooks'),
  });
  if (chosen === undefined || chosen.length === 0) {
    return;
  }
  const packages = mergePackages(userPackages(), chosen);
  await vscode.workspace.getConfiguration(SECTION).update('packages', packages, vscode.ConfigurationTarget.Global);
  const reset = vscode.l10n.t('Reset Sandbox State');
  const answer = await showInformation(
    vscode.l10n.t('The image is rebuilt for the next sandbox. This sandbox does not change.'),
    reset,
  );
  if (answer === reset) {
    await vscode.commands.executeCommand('sandboxedIPython.resetSandboxState', notebook.uri);
  }
}
