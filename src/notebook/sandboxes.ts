import type * as vscode from 'vscode';
import type { NotebookKernel } from './notebook-kernel';

/** One kernel, and so one sandbox, a notebook. */
export class Sandboxes {
  readonly #kernels = new Map<vscode.NotebookDocument, NotebookKernel>();
  readonly #closing = new Set<Promise<void>>();

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

  /** The notebook was closed or has another kernel now. */
  async close(notebook: vscode.NotebookDocument): Promise<void> {
    const kernel = this.#kernels.get(notebook);
    this.#kernels.delete(notebook);
    if (kernel === undefined) { return; }
    const closing = kernel.close();
    this.#closing.add(closing);
    await closing.finally(() => { this.#closing.delete(closing); });
  }

  /** Ends all, and waits for those that are ending. */
  async dispose(): Promise<void> {
    await Promise.all([...this.#closing, ...[...this.#kernels.keys()].map((notebook) => this.close(notebook))]);
  }
}
