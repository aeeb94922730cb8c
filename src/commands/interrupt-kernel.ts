import type { SandboxController } from '../notebook/controller';
import { targetNotebook } from './target';

/** As the notebook's own interrupt button: a second press interrupts again, a third ends the kernel. */
export const interruptKernel = (controller: SandboxController) => ({
  id: 'sandboxedIPython.interruptKernel',
  run: async (argument: unknown): Promise<void> => {
    const notebook = targetNotebook(argument);
    if (notebook !== undefined) {
      await controller.interrupt(notebook);
    }
  },
});
