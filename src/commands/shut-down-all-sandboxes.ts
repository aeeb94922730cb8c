import * as vscode from 'vscode';
import type { SandboxController } from '../notebook/controller';
import type { SandboxRecords } from '../notebook/sandbox-records';
import type { Installation } from '../notebook/session-starter';
import { confirm, showInformation } from '../ui/messages';

/** Ends every sandbox of this installation, those of other windows too, and removes what was installed into them. */
export const shutDownAllSandboxes = (controller: SandboxController, { engines, owner }: Installation, records: SandboxRecords) => ({
  id: 'sandboxedIPython.shutDownAllSandboxes',
  run: async (): Promise<void> => {
    const engine = await engines.get();
    const all = await engine.findSandboxes(owner);
    const mine = new Set(controller.sandboxes.notebooks.map((notebook) => controller.sandboxes.get(notebook)?.session?.id));
    const others = all.filter(({ sandboxId }) => !mine.has(sandboxId)).length;
    if (others > 0) {
      const end = vscode.l10n.t('Shut Down All');
      const text = vscode.l10n.t('Shut down {0} sandboxes?', all.length);
      const detail = vscode.l10n.t('{0} of them belong to notebooks that are closed or open in other windows. Their variables and files are lost.', others);
      if (!await confirm(text, end, detail)) { return; }
    }
    records.clear(); // those that another window has are ended below
    await controller.sandboxes.closeAll();
    await engine.removeAll(owner);
    void showInformation(vscode.l10n.t('{0} sandboxes were shut down.', all.length));
  },
});
