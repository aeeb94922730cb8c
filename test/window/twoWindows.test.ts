import assert from 'node:assert/strict';
import path from 'node:path';
import { pictureOfFailure, type Window } from '../support/window';
import { openBeside, openWindow } from './server';

const FOLDER = path.resolve(__dirname, '../../../test/window/reload-workspace');

describe('a notebook in two windows', function () {
  this.timeout(300_000);
  let first: Window;
  let second: Window | undefined;

  before(async () => {
    first = await openWindow(FOLDER);
  });
  afterEach(function () {
    return pictureOfFailure(this.currentTest, second ?? first);
  });
  after(async () => {
    await first.close();
  });

  it('is offered to the second window, which takes it over with its running cell; the first window is told and can take it back', async () => {
    await first.notebook.open('loop.ipynb');
    await first.notebook.pickKernel('Sandboxed IPython');
    await first.notebook.runAll();
    await first.notebook.waitForOutput(/\b5 6\b/, 240_000);
    // This window opens another workspace, so that its stored state knows nothing of the first window.
    second = await openBeside(first, path.dirname(first.workspace));
    await second.notebook.inExplorer(path.basename(first.workspace)).click();
    await second.notebook.open('loop.ipynb');
    await second.notebook.pickKernel('Sandboxed IPython');
    await second.notebook.screenshot('two-windows-offer');
    await second.notebook.answerNotification('started in another window', 'Use Here');
    await second.notebook.waitForOutput(/^0 1 2 3[^]*end 42/, 60_000);
    await first.notebook.notification('another window uses the sandbox').waitFor();
    await first.notebook.screenshot('two-windows-told');
    await first.notebook.answerNotification('another window uses the sandbox', 'Use Here');
    await first.notebook.waitForOutput(/^0 1 2 3[^]*end 42/, 60_000);
    await second.notebook.notification('another window uses the sandbox').waitFor();
  });

  it('is not taken over when both windows show the same tab: the second window asks its user, and the first window continues', async () => {
    await second?.notebook.page.close();
    second = await openBeside(first, first.workspace);
    await second.notebook.open('loop.ipynb');
    await second.notebook.waitForNotification('another window uses the sandbox');
    await first.notebook.runCell(0);
    await first.notebook.waitForState(0, 'success');
    assert.equal(await first.notebook.notification('another window uses the sandbox').count(), 0);
  });
});
