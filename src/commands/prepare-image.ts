import * as vscode from 'vscode';
import { readSettings } from '../notebook/configuration';
import { prepareImage as prepare, type Installation } from '../notebook/sandbox/session-starter';
import { isSandboxError } from '../protocol/errors';
import { showInformation } from '../ui/messages';

/** Makes the sandbox image of the settings unless it is there, so that the first cell need not wait for it: a button of the walkthrough. */
export const prepareImage = (installation: Installation) => ({
  id: 'sandboxedIPython.prepareImage',
  run: async (): Promise<void> => {
    const settings = readSettings(vscode.window.activeNotebookEditor?.notebook.uri, installation.log);
    try {
      await prepare(installation, settings, new AbortController().signal);
    } catch (error) {
      if (isSandboxError(error, 'Cancelled')) {
        return;
      }
      throw error;
    }
    void showInformation(vscode.l10n.t('The sandbox image is ready: sandboxes start from it without a network.'));
  },
});
