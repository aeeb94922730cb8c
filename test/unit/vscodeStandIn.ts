import Module from 'node:module';
import type * as vscode from 'vscode';

/** What `src/notebook` needs of VS Code in order to show outputs. VS Code itself is to be had in its own process only. */
const standIn = {
  NotebookCellKind: { Markup: 1, Code: 2 },
  NotebookCellOutputItem: class {
    static stdout(text: string): unknown { return new this(Buffer.from(text), 'application/vnd.code.notebook.stdout'); }
    static stderr(text: string): unknown { return new this(Buffer.from(text), 'application/vnd.code.notebook.stderr'); }
    static error(error: Error): unknown { return new this(Buffer.from(JSON.stringify(error)), 'application/vnd.code.notebook.error'); }
    constructor(readonly data: Uint8Array, readonly mime: string) {}
  },
  NotebookCellOutput: class {
    constructor(public items: vscode.NotebookCellOutputItem[], readonly metadata?: Record<string, unknown>) {}
  },
  CancellationTokenSource: class {
    readonly token = { isCancellationRequested: false };
    cancel(): void { this.token.isCancellationRequested = true; }
    dispose(): void { /* holds nothing */ }
  },
};

interface Loader { _load(request: string, ...rest: unknown[]): unknown }
const loader = Module as unknown as Loader;
const load = loader._load.bind(Module);
loader._load = (request, ...rest) => (request === 'vscode' ? standIn : load(request, ...rest));

/** A change that VS Code was asked for. `text`: of the items that came with it. */
export interface Change { kind: 'append' | 'appendItems' | 'replaceItems' | 'clear' | 'replace'; text: string }

/** Code cells of a notebook, and the changes that their executions ask for. */
export class CellsStandIn {
  readonly changes: Change[] = [];

  /** @param confirm the promise that VS Code gives for a change; it may throw, as VS Code does for a cell that is gone */
  constructor(private readonly confirm: (change: Change) => Promise<void>) {}

  cell(): vscode.NotebookCell {
    return { index: 0, kind: standIn.NotebookCellKind.Code, outputs: [], document: { getText: () => '' } } as unknown as vscode.NotebookCell;
  }

  /** As much of a controller as makes executions. */
  get controller(): vscode.NotebookController {
    return { createNotebookCellExecution: () => this.#execution() } as unknown as vscode.NotebookController;
  }

  #execution(): vscode.NotebookCellExecution {
    const change = (kind: Change['kind'], items: vscode.NotebookCellOutputItem | readonly vscode.NotebookCellOutputItem[] = []): Promise<void> => {
      const made = { kind, text: Buffer.concat([items].flat().map(({ data }) => data)).toString() };
      this.changes.push(made);
      return this.confirm(made);
    };
    const itemsOf = (outputs: vscode.NotebookCellOutput | readonly vscode.NotebookCellOutput[]): vscode.NotebookCellOutputItem[] => [outputs].flat().flatMap(({ items }) => items);
    return {
      start: () => undefined, end: () => undefined, clearOutput: () => change('clear'),
      appendOutput: (outputs: vscode.NotebookCellOutput) => change('append', itemsOf(outputs)), replaceOutput: (outputs: vscode.NotebookCellOutput) => change('replace', itemsOf(outputs)),
      appendOutputItems: (items: vscode.NotebookCellOutputItem) => change('appendItems', items), replaceOutputItems: (items: vscode.NotebookCellOutputItem) => change('replaceItems', items),
    } as unknown as vscode.NotebookCellExecution;
  }
}
