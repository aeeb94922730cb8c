import assert from 'node:assert/strict';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HostLog } from '../support/hostLogs';
import { sandboxesOf } from '../support/leftovers';
import { pictureOfFailure, type Window } from '../support/window';
import { machineSettings, openWindow, theServer } from './server';

const FOLDER = path.resolve(__dirname, '../../../test/window/dummy-workspace');
const FOREVER = 'import time\nwhile True:\n    time.sleep(0.1)';
/** What VS Code logs where an extension touches what is disposed, rejects, throws, or logs an error itself. */
const TROUBLE =
  /object is disposed|has been closed|not handled|unhandled|\[error\]|was not left|not all sandboxes were left/i;
const NOTEBOOKS = ['a.ipynb', 'b.ipynb', 'c.ipynb'];
/** Milliseconds in which what VS Code's deadline has cut off would end by itself on the engine; far less than the lease of a sandbox that was left. */
const ENGINE_MS = 20_000;

describe('the end of a window', function () {
  this.timeout(300_000); // makes the image if no test did
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

  it('leaves running sandboxes without a complaint in the log when it reloads', async () => {
    await runAll();
    const log = HostLog.newest(await theServer());
    await window.notebook.reload();
    assertCalm(await log.ended());
    assert.equal((await sandboxesOf(window.workspace)).length, NOTEBOOKS.length);
  });

  it('leaves running sandboxes without a complaint in the log when it closes', async () => {
    await runAll();
    const log = HostLog.newest(await theServer());
    await window.notebook.page.goto('about:blank');
    assertCalm(await log.ended());
    assert.equal((await sandboxesOf(window.workspace)).length, NOTEBOOKS.length);
  });

  it('ends all sandboxes when it closes and none is to be kept alive', async () => {
    await machineSettings({ 'sandboxedIPython.keepAlive': 0 });
    await runAll();
    const log = HostLog.newest(await theServer());
    await window.notebook.page.goto('about:blank');
    assertCalm(await log.ended());
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
    await runAll(); // the image is made
    const log = HostLog.newest(await theServer());
    const { notebook } = window;
    await notebook.open('c.ipynb');
    await notebook.command('Sandboxed IPython: Shut Down Sandbox');
    await notebook.runCell(1);
    await notebook.page.goto('about:blank');
    assertCalm(await log.ended());
    await sleep(2_000); // an engine may still be making what it was asked for
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

  /** A cell that runs for ever, in each notebook, and the mark of one that has failed. */
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

/** Lines that are shown behind one with trouble: the stack of an error. */
const STACK_LINES = 6;

/** Nothing but what VS Code itself says of each end. */
function assertCalm(lines: readonly string[]): void {
  assert.deepEqual(
    lines.flatMap((line, i) => (TROUBLE.test(line) ? lines.slice(i, i + 1 + STACK_LINES) : [])),
    [],
  );
}
