import type * as vscode from 'vscode';
import type { NotebookKernel } from './notebook-kernel';

/** One kernel, and so one sandbox, a notebook. */
export class Sandboxes {
  readonly #kernels = new Map<vscode.NotebookDocument, NotebookKernel>();

  constructor(private readonly create: (notebook: vscode.NotebookDocument) => NotebookKernel) {}

  of(notebook: vscode.NotebookDocument): NotebookKernel {
    const kernel = this.#kernels.get(notebook) ?? this.create(notebook);
    this.#kernels.set(notebook, kernel);
    return kernel;
  }

  /** Undefined if nothing has run there. */
  get(notebook: vscode.NotebookDocument): NotebookKernel | undefined { return this.#kernels.get(notebook); }

  /** The notebook was closed or has another kernel now. */
  async close(notebook: vscode.NotebookDocument): Promise<void> {
    const kernel = this.#kernels.get(notebook);
    this.#kernels.delete(notebook);
    await kernel?.close();
  }

  async dispose(): Promise<void> {
    await Promise.all([...this.#kernels.keys()].map((notebook) => this.close(notebook)));
  }
}
