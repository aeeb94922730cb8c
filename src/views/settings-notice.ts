import * as vscode from 'vscode';
import { SECTION } from '../notebook/configuration';
import { fileName } from '../notebook/cell-metadata';
import type { SandboxController } from '../notebook/controller';
import type { PendingSettings } from '../notebook/sandbox/applied-settings';
import { showInformation } from '../ui/messages';

/** How long to wait after the last change, because the settings editor saves while the user types. */
const DEBOUNCE_MS = 800;

/** Applies changed settings to running sandboxes, and shows a message with a button for settings that need a new sandbox or a new kernel. */
export class SettingsNotice implements vscode.Disposable {
  readonly #subscription: vscode.Disposable;
  #timer: NodeJS.Timeout | undefined;
  /** The texts of messages that are still open. VS Code cannot close a message, so that the same one is not shown twice. */
  readonly #open = new Set<string>();

  constructor(private readonly controller: SandboxController) {
    this.#subscription = vscode.workspace.onDidChangeConfiguration((event) => {
      if (!event.affectsConfiguration(SECTION)) {
        return;
      }
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => {
        this.#applySettings().catch((error: unknown) => controller.report(error));
      }, DEBOUNCE_MS);
    });
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#subscription.dispose();
  }

  async #applySettings(): Promise<void> {
    const { sandboxes } = this.controller;
    const pending = new Map<vscode.NotebookDocument, PendingSettings>();
    await Promise.all(
      sandboxes.notebooks.map(async (notebook) => {
        const kernel = sandboxes.get(notebook);
        await kernel?.applySettings();
        const status = kernel?.status;
        if (status !== undefined && 'pending' in status && countOf(status.pending) > 0) {
          pending.set(notebook, status.pending);
        }
      }),
    );
    const names = [...new Set([...pending.values()].flatMap(({ sandbox, kernel }) => [...sandbox, ...kernel]))]
      .map((name) => `${SECTION}.${name}`)
      .join(', ');
    const notebooks = [...pending.keys()].map(fileName).join(', ');
    const needsOnlyKernel = [...pending.values()].every(({ sandbox }) => sandbox.length === 0);
    const text = needsOnlyKernel
      ? vscode.l10n.t(
          '{0}: {1} takes effect with the next kernel. A reset starts it: variables are lost, files stay.',
          notebooks,
          names,
        )
      : vscode.l10n.t(
          '{0}: {1} takes effect with the next sandbox. A reset starts it: variables and files of this sandbox are lost.',
          notebooks,
          names,
        );
    if (pending.size === 0 || this.#open.has(text)) {
      return;
    }
    this.#open.add(text);
    try {
      const apply = vscode.l10n.t('Reset to Apply');
      if ((await showInformation(text, apply)) === apply) {
        await Promise.all(
          [...pending.keys()].map(async (notebook) => {
            await sandboxes.get(notebook)?.reset({ applySettings: true });
          }),
        );
      }
    } finally {
      this.#open.delete(text);
    }
  }
}

const countOf = ({ sandbox, kernel }: PendingSettings): number => sandbox.length + kernel.length;
