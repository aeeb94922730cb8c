import type { SandboxController } from '../notebook/controller';
import { targetNotebook } from './target';

/** A fresh namespace; settings that need a new sandbox take effect. Files are kept unless that asks for a new sandbox. */
export const resetSandboxState = (controller: SandboxController) => ({
  id: 'sandboxedIPython.resetSandboxState',
  run: async (argument: unknown): Promise<void> => {
    const notebook = targetNotebook(argument);
    if (notebook !== undefined) {
      await controller.restart(notebook, { applySettings: true });
    }
  },
});
