import * as vscode from 'vscode';
import { fileName } from '../notebook/cell-metadata';
import { readSettings } from '../notebook/configuration';
import type { SandboxController } from '../notebook/controller';
import { rebuildImage as rebuild, type Installation } from '../notebook/sandbox/session-starter';
import { isSandboxError } from '../protocol/errors';
import { showInformation } from '../ui/messages';

/** Makes the sandbox image of the settings anew: newer packages, a newer base. */
export const rebuildImage = (controller: SandboxController, installation: Installation) => ({
  id: 'sandboxedIPython.rebuildImage',
  run: async (): Promise<void> => {
    const { t } = vscode.l10n;
    const { sandboxes } = controller;
    const settings = readSettings(vscode.window.activeNotebookEditor?.notebook.uri, installation.log);
    try {
      await rebuild(installation, settings, new AbortController().signal);
    } catch (error) {
      if (isSandboxError(error, 'Cancelled')) {
        return;
      }
      throw error;
    }
    const old = sandboxes.notebooks.filter((notebook) => sandboxes.get(notebook)?.imageMade(settings) === true);
    if (old.length === 0) {
      void showInformation(t('The sandbox image was made anew. The next sandbox uses it.'));
      return;
    }
    const replace = t('Reset Sandbox State');
    const text = t(
      'The sandbox image was made anew. {0}: the sandbox has the old one until a reset, which starts a new one; variables and files of this one go.',
      old.map(fileName).join(', '),
    );
    if ((await showInformation(text, replace)) === replace) {
      await Promise.all(
        old.map(async (notebook) => {
          await sandboxes.get(notebook)?.reset({ applySettings: true });
        }),
      );
    }
  },
});
