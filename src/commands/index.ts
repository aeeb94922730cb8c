import * as vscode from 'vscode';
import type { SandboxController } from '../notebook/controller';
import { interruptKernel } from './interrupt-kernel';
import { resetSandboxState } from './reset-sandbox-state';
import { restartKernel } from './restart-kernel';
import { showLog } from './show-log';

/** Registers every command of the palette; what one throws is told to the user. */
export function registerCommands(controller: SandboxController, channel: vscode.LogOutputChannel): vscode.Disposable {
  const commands: { id: string; run: (argument: unknown) => unknown }[] = [
    resetSandboxState(controller), restartKernel(controller), interruptKernel(controller), showLog(channel),
  ];
  return vscode.Disposable.from(...commands.map(({ id, run }) => vscode.commands.registerCommand(id, async (argument: unknown) => {
    try {
      await run(argument);
    } catch (error) {
      controller.report(error);
    }
  })));
}
