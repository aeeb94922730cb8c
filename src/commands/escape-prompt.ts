import type { SandboxController } from '../notebook/controller';

/** What Escape is bound to while a box asks for a cell's input: it interrupts that cell. In no palette, which would cover the box. */
export const escapePrompt = (controller: SandboxController) => ({
  id: 'sandboxedIPython.escapePrompt',
  run: (): Promise<void> => controller.prompts.escape(),
});
