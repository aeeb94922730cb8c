import Module from 'node:module';
import type * as vscode from 'vscode';

/**
 * The part of VS Code that `src/notebook` needs to show outputs. VS Code itself is only available in its own process.
 */
const standIn = {
  NotebookCellKind: { Markup: 1, Code: 2 },
  NotebookCellOutputItem: class {
    static stdout(text: string): unknown {
      return new this(Buffer.from(text), 'application/vnd.code.notebook.stdout');
    }
    static stderr(text: string): unknown {
      return new this(Buffer.from(text), 'application/vnd.code.notebook.stderr');
    }
    static error(error: Error): unknown {
      return new this(Buffer.from(JSON.stringify(error)), 'application/vnd.code.notebook.error');
    }
    constructor(
      readonly data: Uint8Array,
      readonly mime: string,
    ) {}
  },
  NotebookCellOutput: class {
    constructor(
      public items: vscode.NotebookCellOutputItem[],
      readonly metadata?: Record<string, unknown>,
    ) {}
  },
  CancellationTokenSource: class {
    readonly token = { isCancellationRequested: false };
    cancel(): void {
      this.token.isCancellationRequested = true;
    }
    dispose(): void {
      /* holds nothing */
    }
  },
};

interface Loader {
  _load(request: string, ...rest: unknown[]): unknown;
}
const loader = Module as unknown as Loader;
const load = loader._load.bind(Module);
loader._load = (request, ...rest) => (request === 'vscode' ? standIn : load(request, ...rest));

/** A change that VS Code was asked to make, with its arguments. */
export interface Change {
  kind: 'append' | 'appendItems' | 'replaceItems' | 'clear' | 'replace';
  items: readonly vscode.NotebookCellOutputItem[];
}

/** Code cells of a notebook, whose executions record requested changes. */
export class CellsStandIn {
  /**
   * @param change makes a change and returns the promise that VS Code would return; may throw, as VS Code does for a
   * removed cell
   */
  constructor(private readonly change: (change: Change) => Promise<void>) {}

  cell(): vscode.NotebookCell {
    return {
      index: 0,
      kind: standIn.NotebookCellKind.Code,
      outputs: [],
      document: { getText: () => '' },
    } as unknown as vscode.NotebookCell;
  }

  /** The part of a controller that creates executions. */
  get controller(): vscode.NotebookController {
    return { createNotebookCellExecution: () => this.#execution() } as unknown as vscode.NotebookController;
  }

  #execution(): vscode.NotebookCellExecution {
    type Items = vscode.NotebookCellOutputItem | readonly vscode.NotebookCellOutputItem[];
    type Outputs = vscode.NotebookCellOutput | readonly vscode.NotebookCellOutput[];
    const ofOutputs = (kind: Change['kind']) => (outputs: Outputs) =>
      this.change({ kind, items: [outputs].flat().flatMap(({ items }) => items) });
    const ofItems = (kind: Change['kind']) => (items: Items) => this.change({ kind, items: [items].flat() });
    return {
      start: () => undefined,
      end: () => undefined,
      clearOutput: () => this.change({ kind: 'clear', items: [] }),
      appendOutput: ofOutputs('append'),
      replaceOutput: ofOutputs('replace'),
      appendOutputItems: ofItems('appendItems'),
      replaceOutputItems: ofItems('replaceItems'),
    } as unknown as vscode.NotebookCellExecution;
  }
}
