import * as vscode from 'vscode';
import { readSettings } from '../notebook/configuration';
import type { SandboxController } from '../notebook/controller';
import { rebuildImage as rebuild, type Installation } from '../notebook/session-starter';

/** Makes the sandbox image of the settings anew: newer packages, a newer base. */
export const rebuildImage = (controller: SandboxController, installation: Installation) => ({
  id: 'sandboxedIPython.rebuildImage',
  run: async (): Promise<void> => {
    const { t } = vscode.l10n;
    const notebook = vscode.window.activeNotebookEditor?.notebook;
    const settings = readSettings(notebook?.uri, installation.log);
    await rebuild(installation, settings, new AbortController().signal);
    const kernel = notebook === undefined ? undefined : controller.sandboxes.get(notebook);
    if (kernel === undefined || kernel.status.kind === 'none') {
      void vscode.window.showInformationMessage(t('The sandbox image was made anew. The next sandbox uses it.'));
      return;
    }
    const replace = t('Reset Sandbox State');
    const text = t('The sandbox image was made anew. This notebook\'s sandbox still has the old one; after a reset it has the new one, without its variables and files.');
    if (await vscode.window.showInformationMessage(text, replace) === replace) { await kernel.close(); }
  },
});
