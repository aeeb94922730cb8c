import type * as vscode from 'vscode';
import type { NotebookKernel } from './notebook-kernel';

/** The kernels of all notebooks. Each notebook has one kernel, and so one sandbox. */
export class Sandboxes {
  readonly #kernels = new Map<vscode.NotebookDocument, NotebookKernel>();
  /** Kernels that are being closed or left. */
  readonly #ending = new Set<Promise<void>>();

  constructor(private readonly create: (notebook: vscode.NotebookDocument) => NotebookKernel) {}

  of(notebook: vscode.NotebookDocument): NotebookKernel {
    const kernel = this.#kernels.get(notebook) ?? this.create(notebook);
    this.#kernels.set(notebook, kernel);
    return kernel;
  }

  /** Undefined if nothing has run in the notebook and no sandbox was started for it. */
  get(notebook: vscode.NotebookDocument): NotebookKernel | undefined {
    return this.#kernels.get(notebook);
  }

  /** The notebooks in which something has run or for which a sandbox was started. */
  get notebooks(): vscode.NotebookDocument[] {
    return [...this.#kernels.keys()];
  }

  /** Ends the notebook's sandbox: another kernel was selected, or the user wants no sandbox. */
  close(notebook: vscode.NotebookDocument): Promise<void> {
    return this.#end(notebook, (kernel) => kernel.close());
  }

  /** Leaves the notebook's sandbox: the notebook or the window is closing. */
  leave(notebook: vscode.NotebookDocument): Promise<void> {
    return this.#end(notebook, (kernel) => kernel.leave());
  }

  /**
   * Leaves all sandboxes and waits for those that are already ending. A failure of one does not delay the others. All
   * are begun in the same turn of the event loop, so that none waits for another.
   * @returns the reasons why some could not be left properly
   */
  leaveAll(): Promise<unknown[]> {
    return this.#all((notebook) => this.leave(notebook));
  }

  /**
   * Ends all sandboxes and waits for those that are already ending. A failure of one does not delay the others.
   * @returns the reasons why some could not be ended
   */
  closeAll(): Promise<unknown[]> {
    return this.#all((notebook) => this.close(notebook));
  }

  async #all(go: (notebook: vscode.NotebookDocument) => Promise<void>): Promise<unknown[]> {
    const already = [...this.#ending];
    const results = await Promise.allSettled([...already, ...this.notebooks.map(go)]);
    return results.flatMap((result): unknown[] => (result.status === 'rejected' ? [result.reason] : []));
  }

  async #end(notebook: vscode.NotebookDocument, how: (kernel: NotebookKernel) => Promise<void>): Promise<void> {
    const kernel = this.#kernels.get(notebook);
    this.#kernels.delete(notebook);
    if (kernel === undefined) {
      return;
    }
    const going = how(kernel);
    this.#ending.add(going);
    await going.finally(() => {
      this.#ending.delete(going);
    });
  }
}
