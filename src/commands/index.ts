import * as vscode from 'vscode';
import { addToImage } from './add-to-image';
import { copyMcpConfiguration } from './copy-mcp-configuration';
import type { CommandDependencies } from './dependencies';
import { installPackages } from './install-packages';
import { prepareImage, rebuildImage } from './make-image';
import { removeUnusedImages } from './remove-unused-images';
import { DiagnosticsPage, showDiagnostics } from './show-diagnostics';
import { shutDownAllSandboxes } from './shut-down-all-sandboxes';
import { targetCell, targetNotebook } from './target';

/**
 * A command of this extension. `target` is what `run` gets: the notebook or the cell that the user means (see `target.ts`), or nothing.
 * Without its target a command does nothing. `more`: the arguments behind the first one, when another extension or a link runs the command.
 */
type Command = { id: string } & (
  | { target: 'notebook'; run: (notebook: vscode.NotebookDocument, ...more: unknown[]) => unknown }
  | { target: 'cell'; run: (cell: vscode.NotebookCell) => unknown }
  | { target: 'none'; run: (argument: unknown) => unknown }
);

/** Registers every command. The user is shown the error that a command throws. */
export function registerCommands(dependencies: CommandDependencies): vscode.Disposable {
  const page = new DiagnosticsPage();
  return vscode.Disposable.from(
    page,
    ...commandTable(dependencies, page).map((command) =>
      vscode.commands.registerCommand(command.id, async (argument: unknown, ...more: unknown[]) => {
        try {
          await runOnTarget(command, argument, more);
        } catch (error) {
          dependencies.controller.report(error);
        }
      }),
    ),
  );
}

const commandTable = (dependencies: CommandDependencies, page: DiagnosticsPage): readonly Command[] => {
  const { controller, channel, installation, password, mcp } = dependencies;
  return [
    // A fresh namespace in the same sandbox, with its files.
    {
      id: 'sandboxedIPython.restartKernel',
      target: 'notebook',
      run: (notebook) => controller.restart(notebook, { applySettings: false }),
    },
    // A fresh namespace, and changed settings take effect. Files are kept unless a changed setting needs a new sandbox.
    {
      id: 'sandboxedIPython.resetSandboxState',
      target: 'notebook',
      run: (notebook) => controller.restart(notebook, { applySettings: true }),
    },
    // The same as the notebook's own interrupt button: a second press interrupts again, a third ends the kernel.
    {
      id: 'sandboxedIPython.interruptKernel',
      target: 'notebook',
      run: (notebook) => controller.interrupt(notebook),
    },
    // Escape runs it while an input box asks for a cell's input: it interrupts that cell. The palette does not list it, as the palette
    // would cover the box.
    { id: 'sandboxedIPython.escapePrompt', target: 'none', run: () => controller.prompts.escape() },
    {
      id: 'sandboxedIPython.restartAndRunAll',
      target: 'notebook',
      run: (notebook) => controller.restartAndRun(notebook, notebook.cellCount),
    },
    // Runs every cell from the first one to the target, the target included.
    {
      id: 'sandboxedIPython.restartAndRunToHere',
      target: 'cell',
      run: (cell) => controller.restartAndRun(cell.notebook, cell.index + 1),
    },
    // The next cell starts a new sandbox.
    { id: 'sandboxedIPython.shutDownSandbox', target: 'notebook', run: (notebook) => controller.shutDown(notebook) },
    { id: 'sandboxedIPython.shutDownAllSandboxes', target: 'none', run: () => shutDownAllSandboxes(dependencies) },
    { id: 'sandboxedIPython.prepareImage', target: 'none', run: () => prepareImage(installation) },
    { id: 'sandboxedIPython.rebuildImage', target: 'none', run: () => rebuildImage(controller, installation) },
    { id: 'sandboxedIPython.removeUnusedImages', target: 'none', run: () => removeUnusedImages(installation) },
    {
      id: 'sandboxedIPython.installPackages',
      target: 'notebook',
      run: (notebook, requirements) => installPackages(controller, notebook, requirements),
    },
    { id: 'sandboxedIPython.addToImage', target: 'notebook', run: (notebook) => addToImage(controller, notebook) },
    // VS Code's secret storage keeps the password of the proxy that the setting `proxy` names.
    { id: 'sandboxedIPython.setProxyPassword', target: 'none', run: () => password.ask() },
    {
      id: 'sandboxedIPython.copyMcpConfiguration',
      target: 'none',
      run: (client) => copyMcpConfiguration(mcp, client),
    },
    { id: 'sandboxedIPython.showDiagnostics', target: 'none', run: () => showDiagnostics(page, dependencies) },
    { id: 'sandboxedIPython.showLog', target: 'none', run: () => channel.show() },
  ];
};

async function runOnTarget(command: Command, argument: unknown, more: readonly unknown[]): Promise<void> {
  switch (command.target) {
    case 'notebook': {
      const notebook = targetNotebook(argument);
      if (notebook !== undefined) {
        await command.run(notebook, ...more);
      }
      return;
    }
    case 'cell': {
      const cell = targetCell(argument);
      if (cell !== undefined) {
        await command.run(cell);
      }
      return;
    }
    case 'none':
      await command.run(argument);
  }
}
