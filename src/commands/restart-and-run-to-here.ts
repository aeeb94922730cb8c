import type { SandboxController } from '../notebook/controller';
import { targetCell } from './target';

/** A fresh namespace, then every cell from the top to the cell that is meant: the one of the menu, else the selected one. */
export const restartAndRunToHere = (controller: SandboxController) => ({
  id: 'sandboxedIPython.restartAndRunToHere',
  run: async (argument: unknown): Promise<void> => {
    const cell = targetCell(argument);
    if (cell !== undefined) {
      await controller.restartAndRun(cell.notebook, cell.index + 1);
    }
  },
});
