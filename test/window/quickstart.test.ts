import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { NotebookPage } from '../support/notebookPage';
import { pictureOfFailure, type Window } from '../support/window';
import { openWindow } from './server';

const ROOT = path.resolve(__dirname, '../../..');
interface Cell {
  id: string;
  cell_type: string;
}
const cells = (JSON.parse(readFileSync(path.join(ROOT, 'examples/quickstart.ipynb'), 'utf8')) as { cells: Cell[] })
  .cells;
const at = (id: string): number => cells.findIndex((cell) => cell.id === id);

describe('the quickstart, as the user sees it', () => {
  let window: Window;

  before(async () => {
    window = await openWindow(path.join(ROOT, 'examples'));
  });

  afterEach(function () {
    return pictureOfFailure(this.currentTest, window);
  });
  after(() => window?.close());

  it('selects our kernel in the picker that also lists another kernel', async () => {
    const { notebook } = window;
    await notebook.open('quickstart.ipynb');
    await notebook.kernelLabel.waitFor();
    assert.doesNotMatch(
      await notebook.kernelLabel.innerText(),
      /Sandboxed IPython/,
      'two kernels: none is taken unasked',
    );
    await notebook.pickKernel('Sandboxed IPython');
  });

  it('runs all cells: state, table, plot, magic, shell line, traceback', async function () {
    this.timeout(300_000); // builds the image, with packages
    const { notebook } = window;
    await notebook.runAll();
    await notebook.waitForOutput('42', 240_000);
    await scrollTo('functions-use');
    await notebook.waitForOutput('Cairo: 22.8 °C is 73.0 °F');
    await scrollTo('pandas-data');
    await notebook.outputs.locator('table.dataframe', { hasText: 'Lisbon' }).waitFor();
    await notebook.screenshot('quickstart-table');

    await scrollTo('plot');
    const plot = notebook.outputs.locator('img').first();
    await plot.waitFor();
    const { width, height } = (await plot.boundingBox()) ?? { width: 0, height: 0 };
    assert.ok(width > 300 && height > 150, `the plot is ${width} × ${height}`);
    await notebook.screenshot('quickstart-plot');

    await scrollTo('magic');
    await notebook.waitForOutput(/x +int +41/);
    await scrollTo('shell');
    await notebook.waitForOutput(/hello from [^]*Python 3\.\d+[^]*\/sandbox/);
    await notebook.screenshot('quickstart-magic');

    await scrollTo('error-after');
    const error = await notebook.waitForOutput('ZeroDivisionError');
    assert.match(error, /division by zero/);
    await notebook.waitForOutput('x is still 41');
    await notebook.screenshot('quickstart-error');

    await scrollTo('reset-after');
    assert.match(await notebook.waitForOutput('NameError'), /name 'x' is not defined/);
    await notebook.waitForState(at('reset-after'), 'error');
    const runs = cells.filter(({ cell_type }) => cell_type === 'code').length;
    assert.equal(await notebook.executionCount(at('reset-after')).innerText(), `[${runs}]`);
    await notebook.screenshot('quickstart-end');
  });

  it('resets the sandbox: variables are gone and the count starts at 1', async () => {
    const { notebook } = window;
    await scrollTo('state-set');
    await notebook.runCell(at('state-set'));
    await notebook.waitForState(at('state-set'), 'success');
    await notebook.command('Sandboxed IPython: Reset Sandbox State');
    await notebook.runCell(at('state-use'));
    await notebook.waitForState(at('state-use'), 'error');
    assert.equal(await notebook.executionCount(at('state-use')).innerText(), '[1]');
    assert.match(await notebook.waitForOutput('NameError'), /name 'x' is not defined/);
    await notebook.screenshot('quickstart-reset');
  });

  for (const [what, press] of [
    ['the toolbar restarts the kernel', (page) => page.toolbarButton('Restart Kernel')],
    ['the toolbar resets the sandbox', (page) => page.toolbarButton('Reset Sandbox State')],
    ['the palette restarts the kernel', (page) => page.command('Sandboxed IPython: Restart Kernel')],
  ] as [string, (page: NotebookPage) => Promise<void>][]) {
    it(`${what}: variables are gone and the count starts at 1`, async () => {
      const { notebook } = window;
      await scrollTo('state-set');
      await notebook.runCell(at('state-set'));
      await notebook.runCell(at('state-use'));
      await notebook.waitForState(at('state-use'), 'success'); // it showed an error before
      await press(notebook);
      await notebook.runCell(at('state-use'));
      await notebook.waitForState(at('state-use'), 'error');
      assert.equal(await notebook.executionCount(at('state-use')).innerText(), '[1]');
      await notebook.screenshot(what);
    });
  }

  it('gives another notebook its own sandbox; a prompt names its cell, survives another input box and ends with Escape; a cell in another language says why it does not run', async () => {
    const { notebook } = window;
    window.addNotebook('other.ipynb', [
      'name = input("Your name? ")\nprint("Hello", name)',
      { code: 'SELECT 1', language: 'sql' },
      'import os\nos._exit(7)',
      'for i in range(3):\n    print(f"\\r{i}", end="")\nx',
      'pass',
    ]);
    await notebook.save();
    await notebook.command('View: Close Editor');
    await notebook.open('other.ipynb');
    await notebook.pickKernel('Sandboxed IPython');
    await notebook.cell(1).getByText('Not run: Sandboxed IPython runs Python, not sql').waitFor();
    await notebook.runCell(0);
    await notebook.quickInput.getByText(/Cell \[1\] of other\.ipynb asks/).waitFor();
    await notebook.screenshot('prompt');
    await notebook.page.keyboard.type('Ad');
    await notebook.page.keyboard.press('ControlOrMeta+P');
    await notebook.quickInput.getByText(/asks/).waitFor({ state: 'hidden' });
    await notebook.escape();
    await notebook.answerNotification('Cell [1] of other.ipynb waits for your input: Your name?', 'Answer');
    await notebook.quickInput.getByText(/Cell \[1\] of other\.ipynb asks/).waitFor();
    assert.equal(await notebook.quickInput.locator('input').first().inputValue(), 'Ad');
    await notebook.escape();
    await notebook.waitForOutput('KeyboardInterrupt');
    await notebook.waitForState(0, 'error');
    await notebook.runCell(0);
    await notebook.waitForState(0, 'executing');
    await notebook.runCell(4);
    await notebook.waitForState(4, 'pending');
    await notebook.answer('Ada');
    await notebook.waitForOutput(/Your name\? Ada\s*Hello Ada/);
    await notebook.waitForState(4, 'success');
    await notebook.runCell(2);
    await notebook.waitForOutput(/KernelDied: Python ended with exit code 7\./);
    await notebook.runCell(3);
    await notebook.waitForOutput(/name 'x' is not defined/);
    assert.equal(await notebook.executionCount(3).innerText(), '[1]');
    for (const cell of [2, 3]) {
      await notebook.waitForState(cell, 'error');
    }
    await notebook.screenshot('other-notebook');
  });

  const scrollTo = (id: string): Promise<void> => window.notebook.scrollTo(at(id));
});
