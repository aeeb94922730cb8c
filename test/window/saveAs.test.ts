import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { pictureOfFailure, type Window } from '../support/window';
import { openWindow } from './server';

describe('a notebook that has no file yet', function () {
  this.timeout(300_000);
  let window: Window;

  before(async () => {
    window = await openWindow(path.resolve(__dirname, '../../../test/window/reload-workspace'));
  });
  afterEach(function () {
    return pictureOfFailure(this.currentTest, window);
  });
  after(() => window.close());

  it('keeps its sandbox when it is saved', async () => {
    const { notebook } = window;
    await notebook.command('Create: New Jupyter Notebook');
    await notebook.type(0, 'print(globals().get("n", 0) + 1); n = 6');
    await notebook.pickKernel('Sandboxed IPython');
    await notebook.runCell(0);
    await notebook.waitForOutput('1', 240_000);
    const file = path.join(window.workspace, 'saved.ipynb');
    await notebook.saveFirst(file);
    assert.ok(existsSync(file));
    await notebook.kernelLabel.filter({ hasText: 'Sandboxed IPython' }).waitFor();
    await notebook.runCell(0);
    await notebook.waitForOutput('7');
    await notebook.screenshot('saved-as');
    // The label of the container has a name that notebooks of other windows have too, so only this window knows its
    // container.
    await notebook.command('Sandboxed IPython: Shut Down Sandbox');
    await notebook.page.locator('.statusbar-item', { hasText: 'No sandbox yet' }).waitFor();
  });
});
