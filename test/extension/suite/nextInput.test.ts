import assert from 'node:assert/strict';
import { OpenNotebook, stub, until, useTestBase } from './support';

describe('the text that a cell asks to be put into the notebook', () => {
  before(useTestBase);
  let notebook: OpenNotebook;
  const open = async (...sources: Parameters<typeof OpenNotebook.of>) => (notebook = await OpenNotebook.of(...sources));
  afterEach(() => notebook.close());
  const texts = (): string[] => notebook.document.getCells().map(({ document }) => document.getText());

  it("replaces the cell's source after %load", async () => {
    await open('%%writefile loaded.py\ndef f():\n    return 7', '%load loaded.py', 'f()');
    await notebook.runAll();
    assert.match(notebook.text(2), /NameError/, 'it is shown, not run');
    await until('the text', () => notebook.cell(1).document.getText() !== '%load loaded.py');
    assert.equal(texts()[1], '# %load loaded.py\ndef f():\n    return 7\n');
    assert.equal(notebook.document.cellCount, 3);
    await notebook.run(1);
    await notebook.run(2);
    assert.equal(notebook.text(2), '7');
  });

  it('becomes a new cell below after %recall and set_next_input()', async () => {
    await open('x = 1', '%recall 1', 'get_ipython().set_next_input("x + 1")', 'x');
    const last = notebook.cell(3);
    notebook.start();
    await until(
      'the end of the run, and both cells',
      () => last.executionSummary?.success !== undefined && notebook.document.cellCount === 6,
    );
    assert.deepEqual(texts(), ['x = 1', '%recall 1', 'x = 1', 'get_ipython().set_next_input("x + 1")', 'x + 1', 'x']);
    const below = notebook.cell(4);
    assert.equal(below.document.languageId, 'python');
    assert.equal(below.executionSummary?.success, undefined, 'it waits for the user');
    await notebook.run(4);
    assert.equal(notebook.text(4), '2');
    assert.equal(notebook.text(5), '1', 'the cells behind them ran in their turn');
  });

  it('becomes a new cell below if the user has edited the cell meanwhile', async () => {
    await open('import time; time.sleep(1)\nget_ipython().set_next_input("loaded", replace=True)');
    notebook.start();
    await notebook.running(0);
    await notebook.edit(0, 'typed');
    await until('the cell below', () => notebook.document.cellCount === 2);
    assert.deepEqual(texts(), ['typed', 'loaded']);
  });

  it('is refused with a message if it is too long to read', async () => {
    await open('get_ipython().set_next_input("x" * 1_000_001)');
    const told: string[] = [];
    await stub(
      'showWarningMessage',
      (text: string) => {
        told.push(text);
      },
      async () => {
        await notebook.run(0);
        await until('the message', () => told.length > 0);
      },
    );
    assert.match(told[0] ?? '', /1000001 characters/);
    assert.equal(notebook.document.cellCount, 1);
  });
});
