import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import { OpenNotebook, until, useTestBase } from './support';

interface Saved {
  cells: { execution_count: number | null; outputs: { text?: string[]; data?: Record<string, string[]> }[] }[];
}

/** Prints every 20 ms, the given number of times, into the cell that started it. */
const ticking = (times: number): string => `import threading, time
def tick():
    for i in range(${times}):
        print("tick", i)
        time.sleep(.02)
threading.Thread(target=tick).start()`;

describe('output that comes after its cell has ended', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'late-'));
  before(useTestBase);
  after(() => rmSync(folder, { recursive: true, force: true }));
  let notebook: OpenNotebook;
  const open = async (...sources: Parameters<typeof OpenNotebook.of>) =>
    (notebook = await OpenNotebook.saved(path.join(folder, `${Date.now()}.ipynb`), ...sources));
  afterEach(() => notebook.close());

  it('does not change count, success and times of its cell, not even in the saved file', async function () {
    this.timeout(180_000); // the first test makes the image
    await open(
      ticking(60),
      'threading.Timer(1, print, ["timer"]).start()',
      'import asyncio\nasync def task():\n    for i in range(5):\n        await asyncio.sleep(.2)\n        print("task", i)\ntasks = [asyncio.ensure_future(task())]',
      'import subprocess\nchild = subprocess.Popen(["sh", "-c", "for i in 0 1 2 3 4; do sleep .2; echo child $i; done"])',
      'h = display("one", display_id=True)',
      'threading.Timer(1.2, h.update, ["two"]).start()',
    );
    const cells = [0, 1, 2, 3, 4, 5];
    const first = new Map<number, vscode.NotebookCellExecutionSummary>();
    const listening = vscode.workspace.onDidChangeNotebookDocument(({ cellChanges }) => {
      for (const { cell, executionSummary: summary } of cellChanges) {
        if (summary?.success !== undefined && summary.timing !== undefined && !first.has(cell.index)) {
          first.set(cell.index, summary);
        }
      }
    });
    try {
      const last = ['tick 59\n', 'timer\n', 'task 4\n', 'child 4\n', "'one'", ''];
      for (const i of cells) {
        // The cells run one after the other, because output of a thread may be shown in another cell that runs
        // meanwhile.
        await notebook.run(i);
        await until(`the last text of cell ${i}`, () => notebook.text(i).endsWith(last[i] ?? ''));
      }
      await until('the update', () => notebook.text(4) === "'two'");
    } finally {
      listening.dispose();
    }
    await until('the summaries as they were', () =>
      cells.every((i) => JSON.stringify(notebook.cell(i).executionSummary) === JSON.stringify(first.get(i))),
    );
    assert.deepEqual(
      cells.map((i) => [notebook.count(i), notebook.success(i)]),
      cells.map((i) => [i + 1, true]),
    );
    await until('the counts that are saved', () =>
      cells.every((i) => notebook.cell(i).metadata['execution_count'] === i + 1),
    );
    assert.ok(await notebook.document.save());
    const saved = JSON.parse(readFileSync(notebook.document.uri.fsPath, 'utf8')) as Saved;
    assert.deepEqual(
      saved.cells.map(({ execution_count: count }) => count),
      [1, 2, 3, 4, 5, 6],
    );
    assert.deepEqual(
      saved.cells[0]?.outputs.flatMap(({ text }) => text ?? []),
      Array.from({ length: 60 }, (_, i) => `tick ${i}\n`),
    );
    assert.deepEqual(saved.cells[4]?.outputs[0]?.data, { 'text/plain': ["'two'"] });
  });

  it('does not prevent the cell from being run again or deleted', async () => {
    await open(ticking(400), '"other"');
    await notebook.run(0);
    await until('late text', () => notebook.text(0).includes('tick 20\n'));
    await notebook.edit(0, 'print("again")');
    await notebook.run(0);
    assert.deepEqual(
      [notebook.text(0).replace(/tick|[\d\s]/g, ''), notebook.count(0), notebook.success(0)],
      ['again', 2, true],
    );
    await notebook.edit(0, ticking(400));
    await notebook.run(0);
    await until('late text', () => notebook.text(0).includes('tick 20\n'));
    const edit = new vscode.WorkspaceEdit();
    edit.set(notebook.document.uri, [vscode.NotebookEdit.deleteCells(new vscode.NotebookRange(0, 1))]);
    await vscode.workspace.applyEdit(edit);
    await notebook.run(0);
    assert.deepEqual([notebook.text(0).replace(/tick|[\d\s]/g, ''), notebook.count(0)], ["'other'", 4]);
  });

  it('is shown without the cleared outputs if the user cleared the cell before', async () => {
    await open(ticking(150));
    await notebook.run(0);
    await until('late text', () => notebook.text(0).includes('tick 20\n'));
    await vscode.commands.executeCommand('notebook.clearAllCellsOutputs');
    await until('the last text', () => notebook.text(0).endsWith('tick 149\n'));
    await sleep(500);
    assert.doesNotMatch(notebook.text(0), /tick 0\n/);
    assert.equal(notebook.count(0), undefined, 'VS Code clears the count too');
  });
});
