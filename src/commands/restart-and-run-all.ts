import type { SandboxController } from '../notebook/controller';
import { targetNotebook } from './target';

/** A fresh namespace, then every cell from the top. */
export const restartAndRunAll = (controller: SandboxController) => ({
  id: 'sandboxedIPython.restartAndRunAll',
  run: async (argument: unknown): Promise<void> => {
    const notebook = targetNotebook(argument);
    if (notebook !== undefined) {
      await controller.restartAndRun(notebook, notebook.cellCount);
    }
  },
});
