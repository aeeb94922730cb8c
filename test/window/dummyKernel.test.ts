import assert from 'node:assert/strict';
import path from 'node:path';
import { pictureOfFailure, type Window } from '../support/window';
import { openWindow } from './server';

const HERE = path.resolve(__dirname, '../../../test/window');

describe('the tools of the window tests, with a kernel that only echoes', () => {
  let window: Window | undefined;

  before(async () => {
    window = await openWindow(path.join(HERE, 'dummy-workspace'));
  });

  afterEach(function () {
    return pictureOfFailure(this.currentTest, window);
  });
  after(() => window?.close());

  it('open a notebook, run its cells and read their outputs', async () => {
    assert.ok(window);
    const { notebook } = window;
    await notebook.open('sample.ipynb');
    await notebook.pickKernel('Dummy Kernel');
    await notebook.runCell(1);
    assert.equal(await notebook.waitForOutput('echo'), 'echo: 1 + 1');
    await notebook.waitForState(1, 'success');
    assert.equal(await notebook.executionCount(1).innerText(), '[1]');

    await notebook.runAll();
    await notebook.waitForOutput('raise ValueError');
    await notebook.waitForState(2, 'error');
    assert.equal(await notebook.executionCount(2).innerText(), '[3]');
  });

  it('run a command from the palette', async () => {
    assert.ok(window);
    await window.notebook.command('Notebook: Clear All Outputs');
    await window.notebook.output('echo').first().waitFor({ state: 'hidden' });
  });
});
