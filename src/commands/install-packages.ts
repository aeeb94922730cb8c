import * as vscode from 'vscode';
import { PipProgress } from '../engine/image/pip-output';
import type { SandboxController } from '../notebook/controller';
import { fileName } from '../notebook/cell-metadata';
import { notInSettings, offerToKeep, shortList } from '../notebook/library-offers';
import { isSandboxError } from '../protocol/errors';
import { splitRequirements } from '../session/installs/packages';
import { isRequirement } from '../session/installs/references';
import { askForText } from '../ui/inputs';
import { showInformation } from '../ui/messages';
import { withProgressNotification } from '../ui/progress';

/**
 * Installs packages into the notebook's sandbox, and starts the sandbox if the notebook has none.
 * @param given the requirements as an array; the user is asked for them if it is anything else
 */
export async function installPackages(
  controller: SandboxController,
  notebook: vscode.NotebookDocument,
  given: unknown,
): Promise<void> {
  if (!controller.isSelectedFor(notebook)) {
    void showInformation(vscode.l10n.t('Select the kernel "Sandboxed IPython" for this notebook first.'));
    return;
  }
  const requirements = Array.isArray(given) ? given.map(String) : await askForPackages();
  if (requirements === undefined || requirements.length === 0) {
    return;
  }
  const title = vscode.l10n.t('Installing {0}', shortList(requirements));
  try {
    await withProgressNotification(title, async (report, token) => {
      const cancel = new AbortController();
      token.onCancellationRequested(() => cancel.abort());
      const progress = new PipProgress();
      await controller.sandboxes.of(notebook).install(requirements, {
        signal: cancel.signal,
        onOutput: (line) => {
          const message = progress.take(line);
          if (message !== undefined) {
            report(message);
          }
        },
      });
    });
  } catch (error) {
    if (isSandboxError(error, 'Cancelled')) {
      return;
    }
    throw error;
  }
  const done = vscode.l10n.t('{0}: {1} is installed and can be imported.', fileName(notebook), shortList(requirements));
  if (notInSettings(requirements).length > 0) {
    offerToKeep(notebook, done);
  } else {
    void showInformation(done);
  }
}

async function askForPackages(): Promise<string[] | undefined> {
  const text = await askForText({
    title: vscode.l10n.t('Install Packages'),
    prompt: vscode.l10n.t(
      'Enter names from the package index, as for pip. The index sees the names; cells still have no network.',
    ),
    placeholder: 'seaborn polars>=1',
    validate: (value) => {
      const wrong = splitRequirements(value).find((requirement) => !isRequirement(requirement));
      return wrong === undefined
        ? undefined
        : vscode.l10n.t(
            '"{0}" is not a valid requirement. Use a name with versions, such as seaborn or polars>=1,<2.',
            wrong,
          );
    },
  });
  return text === undefined ? undefined : splitRequirements(text);
}
