import type { SandboxController } from '../notebook/controller';
import { targetNotebook } from './target';

/** A fresh namespace in the same sandbox, with its files. */
export const restartKernel = (controller: SandboxController) => ({
  id: 'sandboxedIPython.restartKernel',
  run: async (argument: unknown): Promise<void> => {
    const notebook = targetNotebook(argument);
    if (notebook !== undefined) {
      await controller.restart(notebook, { applySettings: false });
    }
  },
});
