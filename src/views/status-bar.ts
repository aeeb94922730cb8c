import * as vscode from 'vscode';
import { bytes } from '../messages';
import type { SandboxController } from '../notebook/controller';
import type { SandboxStatus } from '../notebook/sandbox/binding-options';
import { StatusItem, type CommandLink, type StatusItemContent } from '../ui/status';

/** The status bar item that shows the state of the active notebook's sandbox, with a command for a click. It is shown if the notebook uses our kernel. */
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
    this.#item.show({ ...statusItemOf(status), links: status.kind === 'none' ? [] : linksFor(notebook.uri) });
  }
}

/** Links with a short explanation of what each command does, because the titles alone do not tell a restart from a reset. */
function linksFor(notebook: vscode.Uri): CommandLink[] {
  const t = vscode.l10n.t;
  return [
    ['restartKernel', t('Restart Kernel'), t('fresh variables in this sandbox; its files stay')] as const,
    [
      'resetSandboxState',
      t('Reset Sandbox State'),
      t('fresh variables, and changed settings take effect, in a new sandbox if necessary'),
    ] as const,
    [
      'shutDownSandbox',
      t('Shut Down Sandbox'),
      t('variables and files are lost; the next cell starts a new sandbox'),
    ] as const,
  ].map(([name, title, meaning]) => ({ command: `sandboxedIPython.${name}`, title, argument: notebook, meaning }));
}

function statusItemOf(status: SandboxStatus): Omit<StatusItemContent, 'links'> {
  const t = vscode.l10n.t;
  const defaults = { command: 'sandboxedIPython.showDiagnostics', isWarning: false };
  switch (status.kind) {
    case 'none':
      return {
        ...defaults,
        icon: 'vm-outline',
        text: t('No sandbox yet'),
        tooltip: t("The first cell that runs starts the notebook's sandbox. Click for diagnostics."),
      };
    case 'starting':
      return {
        ...defaults,
        icon: 'loading~spin',
        text: t('Sandbox is starting'),
        tooltip: t("The notebook's sandbox is being started. Click for diagnostics."),
      };
    case 'unreachable':
      return {
        ...defaults,
        icon: 'warning',
        text: t('Sandbox does not answer'),
        tooltip: t('Cells continue in the sandbox; this window tries to reach it again. Click for diagnostics.'),
        isWarning: true,
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
          isWarning: true,
          command: 'sandboxedIPython.resetSandboxState',
          tooltip:
            pending.sandbox.length > 0
              ? t(
                  'These changes take effect with the next sandbox: {0}. Click to start it. Variables and files of this sandbox are lost.',
                  [...pending.sandbox, ...pending.kernel].join(', '),
                )
              : t(
                  'These changes take effect with the next kernel: {0}. Click to start it. Variables are lost, files stay.',
                  pending.kernel.join(', '),
                ),
        };
      }
      const limit = timeout === 0 ? t('no time limit') : t('{0} s per cell', timeout);
      return {
        ...defaults,
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
