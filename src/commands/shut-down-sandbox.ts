import type { SandboxController } from '../notebook/controller';
import { targetNotebook } from './target';

/** Ends the notebook's sandbox now; the next cell starts a new one. */
export const shutDownSandbox = (controller: SandboxController) => ({
  id: 'sandboxedIPython.shutDownSandbox',
  run: async (argument: unknown): Promise<void> => {
    const notebook = targetNotebook(argument);
    if (notebook !== undefined) {
      await controller.shutDown(notebook);
    }
  },
});
