import * as vscode from 'vscode';
import { bytes } from '../messages';
import type { SandboxController } from '../notebook/controller';
import type { SandboxStatus } from '../notebook/sandbox/sandbox-binding';
import { StatusItem, type CommandLink } from '../ui/status';

/** At the foot of the window, while a notebook with our kernel is in front: how its sandbox is, and what a click does about it. */
export class StatusBar implements vscode.Disposable {
  readonly #item = new StatusItem('sandbox', 'Sandboxed IPython', 100);
  readonly #subscriptions: vscode.Disposable[];

  constructor(private readonly controller: SandboxController) {
    const update = (): void => this.#update();
    this.#subscriptions = [
      this.#item,
      controller.onDidChangeStatus(update),
      controller.onDidChangeSelection(update),
      vscode.window.onDidChangeActiveNotebookEditor(update),
    ];
    this.#update();
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) {
      subscription.dispose();
    }
  }

  #update(): void {
    const notebook = vscode.window.activeNotebookEditor?.notebook;
    if (notebook === undefined || !this.controller.isSelectedFor(notebook)) {
      this.#item.hide();
      return;
    }
    const status: SandboxStatus = this.controller.sandboxes.get(notebook)?.status ?? { kind: 'none' };
    const { icon, text, tooltip, command, warn } = face(status);
    this.#item.show({
      icon,
      text,
      tooltip,
      links: status.kind === 'none' ? [] : linksFor(notebook.uri),
      command,
      isWarning: warn, // for the active notebook, which is the one that is shown
    });
  }
}

/** What sets the two ways to a fresh kernel apart, which their titles cannot say. */
function linksFor(notebook: vscode.Uri): CommandLink[] {
  const t = vscode.l10n.t;
  return [
    ['restartKernel', t('Restart Kernel'), t('fresh variables in this sandbox; its files stay')] as const,
    [
      'resetSandboxState',
      t('Reset Sandbox State'),
      t('fresh variables, and changed settings take effect, in a new sandbox if need be'),
    ] as const,
    ['shutDownSandbox', t('Shut Down Sandbox'), t('all of it goes; the next cell starts a new one')] as const,
  ].map(([name, title, meaning]) => ({ command: `sandboxedIPython.${name}`, title, argument: notebook, meaning }));
}

interface Face {
  icon: string;
  text: string;
  tooltip: string;
  command: string;
  warn: boolean;
}

function face(status: SandboxStatus): Face {
  const t = vscode.l10n.t;
  const shown = { command: 'sandboxedIPython.showDiagnostics', warn: false };
  switch (status.kind) {
    case 'none':
      return {
        ...shown,
        icon: 'vm-outline',
        text: t('No sandbox yet'),
        tooltip: t("The first cell that runs starts the notebook's sandbox. Click for diagnostics."),
      };
    case 'starting':
      return {
        ...shown,
        icon: 'loading~spin',
        text: t('Sandbox starts'),
        tooltip: t("The notebook's sandbox is being started. Click for diagnostics."),
      };
    case 'unreachable':
      return {
        ...shown,
        icon: 'warning',
        text: t('Sandbox does not answer'),
        tooltip: t('Cells go on inside; the window tries to reach the sandbox again. Click for diagnostics.'),
        warn: true,
      };
    case 'ready': {
      const {
        settings: { image, maxMemory, cpus, timeout },
        pending,
      } = status;
      if (pending.sandbox.length + pending.kernel.length > 0) {
        return {
          icon: 'debug-restart',
          text: t('Reset to apply'),
          warn: true,
          command: 'sandboxedIPython.resetSandboxState',
          tooltip:
            pending.sandbox.length > 0
              ? t(
                  'What has changed takes effect with the next sandbox: {0}. Click to start it; variables and files of this one go.',
                  [...pending.sandbox, ...pending.kernel].join(', '),
                )
              : t(
                  'What has changed takes effect with the next kernel: {0}. Click to start it; variables go, files stay.',
                  pending.kernel.join(', '),
                ),
        };
      }
      const limit = timeout === 0 ? t('no time limit') : t('{0} s a cell', timeout);
      return {
        ...shown,
        icon: 'vm-active',
        text: t('Sandbox'),
        tooltip: t(
          '{0} · {1} of memory · {2} CPUs · {3}. Click for diagnostics.',
          image,
          bytes(maxMemory),
          cpus,
          limit,
        ),
      };
    }
  }
}
