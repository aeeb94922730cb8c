import type * as vscode from 'vscode';
import type { NotebookKernel } from './notebook-kernel';

/** One kernel, and so one sandbox, a notebook. */
export class Sandboxes {
  readonly #kernels = new Map<vscode.NotebookDocument, NotebookKernel>();
  /** What is ending or being left. */
  readonly #ending = new Set<Promise<void>>();

  constructor(private readonly create: (notebook: vscode.NotebookDocument) => NotebookKernel) {}

  of(notebook: vscode.NotebookDocument): NotebookKernel {
    const kernel = this.#kernels.get(notebook) ?? this.create(notebook);
    this.#kernels.set(notebook, kernel);
    return kernel;
  }

  /** Undefined if nothing has run there and no sandbox was started for it. */
  get(notebook: vscode.NotebookDocument): NotebookKernel | undefined {
    return this.#kernels.get(notebook);
  }

  /** Those in which something has run, or for which a sandbox was started. */
  get notebooks(): vscode.NotebookDocument[] {
    return [...this.#kernels.keys()];
  }

  /** The notebook has another kernel now, or its user wants no sandbox. */
  close(notebook: vscode.NotebookDocument): Promise<void> {
    return this.#end(notebook, (kernel) => kernel.close());
  }

  /** The notebook was closed, or its window is. */
  leave(notebook: vscode.NotebookDocument): Promise<void> {
    return this.#end(notebook, (kernel) => kernel.leave());
  }

  /**
   * Leaves all of them and waits for those that are ending already; what fails for one holds up no other. Every sandbox is told in the
   * first turn of the event loop: nothing that is waited for stands before another one's end.
   * @returns why some could not be left as they should
   */
  leaveAll(): Promise<unknown[]> {
    return this.#all((notebook) => this.leave(notebook));
  }

  /**
   * Ends all of them and waits for those that are ending already; what fails for one holds up no other.
   * @returns why some could not be ended
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
