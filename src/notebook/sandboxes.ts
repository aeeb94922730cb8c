import type * as vscode from 'vscode';
import type { NotebookKernel } from './notebook-kernel';

/** One kernel, and so one sandbox, a notebook. */
export class Sandboxes {
  readonly #kernels = new Map<vscode.NotebookDocument, NotebookKernel>();
  /** What is ending or being left. */
  readonly #going = new Set<Promise<void>>();

  constructor(private readonly create: (notebook: vscode.NotebookDocument) => NotebookKernel) {}

  of(notebook: vscode.NotebookDocument): NotebookKernel {
    const kernel = this.#kernels.get(notebook) ?? this.create(notebook);
    this.#kernels.set(notebook, kernel);
    return kernel;
  }

  /** Undefined if nothing has run there. */
  get(notebook: vscode.NotebookDocument): NotebookKernel | undefined { return this.#kernels.get(notebook); }

  /** Those in which something has run. */
  get notebooks(): vscode.NotebookDocument[] { return [...this.#kernels.keys()]; }

  /** The notebook has another kernel now, or its user wants no sandbox. */
  close(notebook: vscode.NotebookDocument): Promise<void> { return this.#go(notebook, (kernel) => kernel.close()); }

  /** The notebook was closed, or its window is. */
  leave(notebook: vscode.NotebookDocument): Promise<void> { return this.#go(notebook, (kernel) => kernel.leave()); }

  /** Resolves when nothing is on its way out: another may take its place then. */
  async settled(): Promise<void> { await Promise.all(this.#going); }

  /** Leaves all, and waits for those that are ending. */
  async leaveAll(): Promise<void> { await Promise.all([...this.#going, ...this.notebooks.map((notebook) => this.leave(notebook))]); }

  /** Ends all. */
  async closeAll(): Promise<void> { await Promise.all([...this.#going, ...this.notebooks.map((notebook) => this.close(notebook))]); }

  async #go(notebook: vscode.NotebookDocument, how: (kernel: NotebookKernel) => Promise<void>): Promise<void> {
    const kernel = this.#kernels.get(notebook);
    this.#kernels.delete(notebook);
    if (kernel === undefined) { return; }
    const going = how(kernel);
    this.#going.add(going);
    await going.finally(() => { this.#going.delete(going); });
  }
}
