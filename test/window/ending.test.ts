import assert from 'node:assert/strict';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HostLog } from '../support/hostLogs';
import { sandboxesOf } from '../support/leftovers';
import { pictureOfFailure, type Window } from '../support/window';
import { machineSettings, openWindow, theServer } from './server';

const FOLDER = path.resolve(__dirname, '../../../test/window/dummy-workspace');
const FOREVER = 'import time\nwhile True:\n    time.sleep(0.1)';
/**
 * Matches what VS Code logs when an extension uses a disposed object, has an unhandled rejection, throws, or logs an
 * error.
 */
const TROUBLE =
  /object is disposed|has been closed|not handled|unhandled|\[error\]|was not left|not all sandboxes were left/i;
const NOTEBOOKS = ['a.ipynb', 'b.ipynb', 'c.ipynb'];
/**
 * Milliseconds in which a removal that VS Code's deadline cut off finishes on the engine. This is far less than the
 * lease of a sandbox that a window has left.
 */
const ENGINE_MS = 20_000;

describe('the end of a window', function () {
  this.timeout(300_000); // builds the image if no earlier test has built it
  let window: Window;

  beforeEach(async () => {
    window = await openWindow(FOLDER, Object.fromEntries(NOTEBOOKS.map((file) => [file, ['1/0', FOREVER]])));
  });
  afterEach(function () {
    return pictureOfFailure(this.currentTest, window);
  });
  afterEach(async () => {
    await machineSettings({});
    await window.close();
  });

  it('leaves running sandboxes without an error in the log when it reloads', async () => {
    await runAll();
    const log = HostLog.newest(await theServer());
    await window.notebook.reload();
    assertNoTrouble(await log.ended());
    assert.equal((await sandboxesOf(window.workspace)).length, NOTEBOOKS.length);
  });

  it('leaves running sandboxes without an error in the log when it closes', async () => {
    await runAll();
    const log = HostLog.newest(await theServer());
    await window.notebook.page.goto('about:blank');
    assertNoTrouble(await log.ended());
    assert.equal((await sandboxesOf(window.workspace)).length, NOTEBOOKS.length);
  });

  it('ends all sandboxes when it closes and keepAlive is 0', async () => {
    await machineSettings({ 'sandboxedIPython.keepAlive': 0 });
    await runAll();
    const log = HostLog.newest(await theServer());
    await window.notebook.page.goto('about:blank');
    assertNoTrouble(await log.ended());
    let left = await sandboxesOf(window.workspace);
    for (
      const end = Date.now() + ENGINE_MS;
      left.length > 0 && Date.now() < end;
      left = await sandboxesOf(window.workspace)
    ) {
      await sleep(200);
    }
    assert.deepEqual(left, []);
  });

  it('leaves no sandbox that was still being started when it closed', async () => {
    await machineSettings({ 'sandboxedIPython.keepAlive': 0 });
    await runAll(); // builds the image
    const log = HostLog.newest(await theServer());
    const { notebook } = window;
    await notebook.open('c.ipynb');
    await notebook.command('Sandboxed IPython: Shut Down Sandbox');
    await notebook.runCell(1);
    await notebook.page.goto('about:blank');
    assertNoTrouble(await log.ended());
    await sleep(2_000); // the engine may still be creating the container
    let left = await sandboxesOf(window.workspace);
    for (
      const end = Date.now() + ENGINE_MS;
      left.length > 0 && Date.now() < end;
      left = await sandboxesOf(window.workspace)
    ) {
      await sleep(200);
    }
    assert.deepEqual(left, []);
  });

  /** In each notebook, runs a cell that fails and so has an error mark, and starts a cell that runs forever. */
  async function runAll(): Promise<void> {
    const { notebook } = window;
    for (const file of NOTEBOOKS) {
      await notebook.open(file);
      await notebook.pickKernel('Sandboxed IPython');
      await notebook.runCell(0);
      await notebook.waitForState(0, 'error', 240_000);
      await notebook.runCell(1);
      await notebook.waitForState(1, 'executing');
    }
  }
});

/** Number of log lines to show after a matching line: the stack of an error. */
const STACK_LINES = 6;

/** Asserts that no line of the log matches {@link TROUBLE}. */
function assertNoTrouble(lines: readonly string[]): void {
  assert.deepEqual(
    lines.flatMap((line, i) => (TROUBLE.test(line) ? lines.slice(i, i + 1 + STACK_LINES) : [])),
    [],
  );
}
