import * as vscode from 'vscode';
import { fileName } from '../notebook/cell-metadata';
import { readSettings } from '../notebook/configuration';
import type { SandboxController } from '../notebook/controller';
import {
  prepareImage as prepare,
  rebuildImage as rebuild,
  type Installation,
} from '../notebook/sandbox/session-starter';
import { isSandboxError } from '../protocol/errors';
import type { SandboxSettings } from '../session/settings';
import { showInformation } from '../ui/messages';

/** Builds the sandbox image of the settings unless it exists, so that the first cell does not wait for it. The walkthrough has a button for it. */
export async function prepareImage(installation: Installation): Promise<void> {
  if ((await buildImage(installation, prepare)) !== undefined) {
    void showInformation(vscode.l10n.t('The sandbox image is ready: sandboxes start from it without a network.'));
  }
}

/** Rebuilds the sandbox image of the settings, with newer packages and a newer base image. */
export async function rebuildImage({ sandboxes }: SandboxController, installation: Installation): Promise<void> {
  const { t } = vscode.l10n;
  const settings = await buildImage(installation, rebuild);
  if (settings === undefined) {
    return;
  }
  const old = sandboxes.notebooks.filter((notebook) => sandboxes.get(notebook)?.imageRebuilt(settings) === true);
  if (old.length === 0) {
    void showInformation(t('The sandbox image was rebuilt. The next sandbox uses it.'));
    return;
  }
  const replace = t('Reset Sandbox State');
  const text = t(
    'The sandbox image was rebuilt. The sandboxes of these notebooks use the old image until a reset: {0}. A reset starts new sandboxes; variables and files are lost.',
    old.map(fileName).join(', '),
  );
  if ((await showInformation(text, replace)) === replace) {
    await Promise.all(
      old.map(async (notebook) => {
        await sandboxes.get(notebook)?.reset({ applySettings: true });
      }),
    );
  }
}

/** Resolves to the settings from which `build` built the image, or to undefined if the user cancelled. */
async function buildImage(installation: Installation, build: typeof prepare): Promise<SandboxSettings | undefined> {
  const settings = readSettings(vscode.window.activeNotebookEditor?.notebook.uri, installation.log);
  try {
    await build(installation, settings, new AbortController().signal);
    return settings;
  } catch (error) {
    if (isSandboxError(error, 'Cancelled')) {
      return undefined;
    }
    throw error;
  }
}
