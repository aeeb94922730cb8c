import * as vscode from 'vscode';
import { SECTION } from '../notebook/configuration';
import { fileName } from '../notebook/cell-metadata';
import type { SandboxController } from '../notebook/controller';
import type { PendingSettings } from '../notebook/sandbox/applied-settings';
import { showInformation } from '../ui/messages';

/** Milliseconds after the last change: the settings editor saves while one types. */
const QUIET = 800;

/** Hands changed settings to the sandboxes that run, and says, with a button, what only a new sandbox, or a new kernel, can have. */
export class SettingsNotice implements vscode.Disposable {
  readonly #subscription: vscode.Disposable;
  #timer: NodeJS.Timeout | undefined;
  /** Notices that are still open, which VS Code cannot take back: none is shown twice. */
  readonly #open = new Set<string>();

  constructor(private readonly controller: SandboxController) {
    this.#subscription = vscode.workspace.onDidChangeConfiguration((event) => {
      if (!event.affectsConfiguration(SECTION)) {
        return;
      }
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => {
        this.#take().catch((error: unknown) => controller.report(error));
      }, QUIET);
    });
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#subscription.dispose();
  }

  async #take(): Promise<void> {
    const { sandboxes } = this.controller;
    const pending = new Map<vscode.NotebookDocument, PendingSettings>();
    await Promise.all(
      sandboxes.notebooks.map(async (notebook) => {
        const kernel = sandboxes.get(notebook);
        await kernel?.takeSettings();
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
    const isKernels = [...pending.values()].every(({ sandbox }) => sandbox.length === 0);
    const text = isKernels
      ? vscode.l10n.t(
          '{0}: {1} takes effect with the next kernel. A reset starts it; variables go, files stay.',
          notebooks,
          names,
        )
      : vscode.l10n.t(
          '{0}: {1} takes effect with the next sandbox. A reset starts it; variables and files of this one go.',
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
