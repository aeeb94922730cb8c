import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import type { KernelName, Timed } from './results';

const EXTENSION = 'sandboxed-ipython.sandboxed-ipython';
const CONTROLLERS: Record<KernelName, string> = { ours: 'sandboxed-ipython', ipykernel: 'ipykernel', floor: 'floor' };
const DEADLINE_MS = 120_000;
/** Milliseconds in which the window finishes drawing earlier outputs. */
const SETTLING_MS = 1_000;
/** Milliseconds between the ticks of the clock that detects a blocked event loop. */
const RESOLUTION_MS = 2;

let count = 0;

/** A visible notebook of the workspace folder, with one of the kernels chosen. */
export class BenchNotebook {
  private constructor(private readonly document: vscode.NotebookDocument) {}

  static async open(kernel: KernelName, sources: readonly string[]): Promise<BenchNotebook> {
    const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
    assert.ok(folder);
    const file = path.join(folder, `${kernel}-${count++}.ipynb`);
    const cells = sources.map((source, i) => ({
      cell_type: 'code',
      id: `cell-${i}`,
      metadata: {},
      execution_count: null,
      outputs: [],
      source,
    }));
    writeFileSync(
      file,
      JSON.stringify({ cells, metadata: { language_info: { name: 'python' } }, nbformat: 4, nbformat_minor: 5 }),
    );
    const uri = vscode.Uri.file(file);
    await vscode.commands.executeCommand('vscode.openWith', uri, 'jupyter-notebook'); // what the API opens, VS Code keeps for minutes after its editor was closed
    const document = vscode.workspace.notebookDocuments.find((one) => one.uri.toString() === uri.toString());
    assert.ok(document);
    const notebookEditor = await vscode.window.showNotebookDocument(document);
    await sleep(SETTLING_MS); // until the notebook is drawn
    await vscode.commands.executeCommand('notebook.selectKernel', {
      notebookEditor,
      extension: EXTENSION,
      id: CONTROLLERS[kernel],
    });
    return new BenchNotebook(document);
  }

  /** Runs cells of the notebook as one run. */
  async run(from = 0, to = this.document.cellCount): Promise<Timed> {
    const cells = new Set(this.document.getCells(new vscode.NotebookRange(from, to)));
    const blocked = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    let late: NodeJS.Timeout | undefined;
    let listening: vscode.Disposable | undefined;
    try {
      blocked.enable();
      const begun = performance.now();
      return await new Promise((resolve, reject) => {
        late = setTimeout(
          () => reject(new Error(`no end of ${this.document.uri.path} within ${DEADLINE_MS / 1000} s`)),
          DEADLINE_MS,
        );
        listening = vscode.workspace.onDidChangeNotebookDocument(({ notebook, cellChanges }) => {
          if (notebook !== this.document) {
            return;
          }
          for (const { cell, executionSummary } of cellChanges) {
            if (executionSummary?.success === false) {
              reject(new Error(`a cell failed: ${cell.document.getText().slice(0, 80)}\n${textOf(cell)}`));
            }
            if (executionSummary?.success === true) {
              cells.delete(cell);
            }
          }
          if (cells.size === 0) {
            resolve({ ms: performance.now() - begun, block: Math.max(0, blocked.max / 1e6 - RESOLUTION_MS) });
          }
        });
        vscode.commands
          .executeCommand('notebook.cell.execute', { ranges: [{ start: from, end: to }], document: this.document.uri })
          .then(undefined, reject);
      });
    } finally {
      blocked.disable();
      listening?.dispose();
      clearTimeout(late);
    }
  }

  /** Runs one cell. */
  runCell(index: number): Promise<Timed> {
    return this.run(index, index + 1);
  }

  /** Returns the outputs of a cell once VS Code has reported all of them to extensions. */
  async shows(index: number, isAll: (cell: vscode.NotebookCell) => boolean): Promise<void> {
    const cell = this.document.cellAt(index);
    for (const end = Date.now() + DEADLINE_MS; !isAll(cell); await sleep(20)) {
      assert.ok(Date.now() < end, `${this.document.uri.path} does not show what cell ${index} has put out`);
    }
  }

  /** Closes the notebook and its kernel, and waits until the window is idle. */
  async close(): Promise<void> {
    await vscode.window.showNotebookDocument(this.document);
    await vscode.commands.executeCommand('workbench.action.revertAndCloseActiveEditor');
    await sleep(SETTLING_MS);
  }
}

export const textOf = (cell: vscode.NotebookCell): string =>
  cell.outputs.flatMap(({ items }) => items.map(({ data }) => new TextDecoder().decode(data))).join('');

export const bytesOf = (cell: vscode.NotebookCell): number =>
  cell.outputs.flatMap(({ items }) => items).reduce((most, { data }) => Math.max(most, data.length), 0);
