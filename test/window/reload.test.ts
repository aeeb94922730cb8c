import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { openWorkbench } from '../support/browser';
import { pictureOfFailure, type Window } from '../support/window';
import { openWindow } from './server';

const FOLDER = path.resolve(__dirname, '../../../test/window/reload-workspace');
const LOOP = 1;
const NUMBERS = 120;
const ALL = `${Array.from({ length: NUMBERS }, (_, i) => i).join(' ')} end 42`;

describe('a window that goes away and comes back while a cell runs', function () {
  this.timeout(300_000); // builds the image if no earlier test has built it
  let window: Window;

  beforeEach(async () => {
    window = await openWindow(FOLDER);
    const { notebook } = window;
    await notebook.open('loop.ipynb');
    await notebook.pickKernel('Sandboxed IPython');
    await notebook.runAll();
    await notebook.waitForOutput(/\b20 21\b/, 240_000);
  });
  afterEach(function () {
    return pictureOfFailure(this.currentTest, window);
  });
  afterEach(() => window.close());

  it('shows every number once after a reload', async () => {
    const { notebook } = window;
    await notebook.screenshot('reload-before');
    await notebook.reload();
    await notebook.waitForState(LOOP, 'executing', 60_000);
    await notebook.screenshot('reload-after');
    assert.equal(await notebook.executionCount(0).innerText(), '[1]', 'the cell before it has its count');
    assert.equal((await ended()).replace(/\s+/g, ' ').trim(), ALL);
    await notebook.screenshot('reload-end');
  });

  it('shows every number once after its extension host was killed', async () => {
    process.kill(newestExtensionHost(), 'SIGKILL');
    assert.equal((await ended()).replace(/\s+/g, ' ').trim(), ALL);
    await window.notebook.screenshot('killed-end');
  });

  it('shows the output that it missed when it was closed without saving and is opened again', async () => {
    const { notebook } = window;
    await notebook.page.goto('about:blank');
    await new Promise((wake) => setTimeout(wake, 3_000));
    await openWorkbench(notebook.page, window.url);
    assert.equal((await ended()).replace(/\s+/g, ' ').trim(), ALL);
  });

  /** Returns the output of the loop when the loop has ended. */
  async function ended(): Promise<string> {
    const text = await window.notebook.waitForOutput('end 42', 90_000);
    await window.notebook.waitForState(LOOP, 'success');
    return text;
  }
});

/** Returns the process id of the extension host of the window that was opened last. */
function newestExtensionHost(): number {
  const hosts = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        if (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('--type=extensionHost')) {
          return [];
        }
        return {
          pid: Number(pid),
          started: Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19]),
        };
      } catch {
        return []; // the process has ended
      }
    })
    .sort((a, b) => b.started - a.started);
  return hosts[0]?.pid ?? assert.fail('no extension host runs');
}
