import * as vscode from 'vscode';
import type { MessageContext } from '../messages';
import type { SandboxController } from '../notebook/controller';
import type { ProxyPassword } from '../notebook/proxy-password';
import type { SandboxRecords } from '../notebook/sandbox/sandbox-records';
import type { Installation } from '../notebook/sandbox/session-starter';
import { addToImage } from './add-to-image';
import { escapePrompt } from './escape-prompt';
import { installPackages } from './install-packages';
import { interruptKernel } from './interrupt-kernel';
import { prepareImage } from './prepare-image';
import { rebuildImage } from './rebuild-image';
import { removeUnusedImages } from './remove-unused-images';
import { resetSandboxState } from './reset-sandbox-state';
import { restartAndRunAll } from './restart-and-run-all';
import { restartAndRunToHere } from './restart-and-run-to-here';
import { restartKernel } from './restart-kernel';
import { setProxyPassword } from './set-proxy-password';
import { DiagnosticsPage, showDiagnostics } from './show-diagnostics';
import { showLog } from './show-log';
import { shutDownAllSandboxes } from './shut-down-all-sandboxes';
import { shutDownSandbox } from './shut-down-sandbox';

/** What commands need beside the controller. */
export interface Means {
  channel: vscode.LogOutputChannel;
  installation: Installation;
  password: ProxyPassword;
  records: SandboxRecords;
  messageContext: MessageContext;
  version: string;
}

/** Registers every command of the palette; what one throws is told to the user. */
export function registerCommands(
  controller: SandboxController,
  { channel, installation, password, records, messageContext, version }: Means,
): vscode.Disposable {
  const page = new DiagnosticsPage();
  const commands: { id: string; run: (argument: unknown, ...more: unknown[]) => unknown }[] = [
    resetSandboxState(controller),
    restartKernel(controller),
    interruptKernel(controller),
    escapePrompt(controller),
    restartAndRunAll(controller),
    restartAndRunToHere(controller),
    shutDownSandbox(controller),
    shutDownAllSandboxes(controller, installation, records, messageContext),
    prepareImage(installation),
    rebuildImage(controller, installation),
    removeUnusedImages(installation),
    installPackages(controller),
    addToImage(controller),
    setProxyPassword(password),
    showDiagnostics(page, controller, installation, messageContext, version),
    showLog(channel),
  ];
  return vscode.Disposable.from(
    page,
    ...commands.map(({ id, run }) =>
      vscode.commands.registerCommand(id, async (argument: unknown, ...more: unknown[]) => {
        try {
          await run(argument, ...more);
        } catch (error) {
          controller.report(error);
        }
      }),
    ),
  );
}
