import Docker from 'dockerode';
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import { launchBrowser, newPage, openWorkbench } from '../support/browser';
import { NotebookPage } from '../support/notebookPage';

const ROOT = path.resolve(__dirname, '../../..');
const { cells } = JSON.parse(readFileSync(path.join(ROOT, 'examples/quickstart.ipynb'), 'utf8')) as {
  cells: { id: string }[];
};
const at = (id: string): number => cells.findIndex((cell) => cell.id === id);
/** Milliseconds. On a new machine the image is built first, which needs pip and a network. */
const READY_MS = 360_000;
const FIRST_CELL_MS = 60_000;
const STOP_MS = 30_000;

describe('npm start', function () {
  this.timeout(READY_MS + FIRST_CELL_MS + STOP_MS);
  let start: ChildProcess | undefined;
  let browser: Browser | undefined;
  let notebook: NotebookPage | undefined;
  /** A VS Code server leaves sockets in the folder for temporary files. */
  let temporary = '';

  before(() => {
    temporary = mkdtempSync(path.join(os.tmpdir(), 'start-'));
  });

  afterEach(async function () {
    if (this.currentTest?.state === 'failed') {
      await notebook?.screenshot(this.currentTest.fullTitle());
    }
  });

  after(async () => {
    await browser?.close();
    start?.kill('SIGTERM');
    rmSync(temporary, { recursive: true, force: true, maxRetries: 5 });
  });

  it('opens the quickstart with our kernel selected, runs it, and leaves nothing when it is stopped', async () => {
    start = spawn('npm', ['start', '--silent', '--', '--no-open', '--port', '0'], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, TMPDIR: temporary },
    });
    const url = await addressOf(start);
    const origin = new URL(url).origin;
    assert.equal((await fetch(origin)).status, 403, 'without the token nobody gets in');

    browser = await launchBrowser();
    notebook = new NotebookPage(await newPage(browser));
    await openWorkbench(notebook.page, url);
    await notebook.kernelLabel.filter({ hasText: 'Sandboxed IPython' }).waitFor();
    await notebook.runAll();
    assert.equal((await notebook.waitForOutput(/^42$/, FIRST_CELL_MS)).trim(), '42');
    await notebook.screenshot('npm-start');
    await notebook.scrollTo(at('plot'));
    await notebook.outputs.locator('img').first().waitFor();
    await notebook.scrollTo(at('reset-after')); // the last cell
    assert.match(await notebook.waitForOutput('NameError'), /name 'x' is not defined/);
    const output = notebook.page.frames().find((frame) => frame.url().includes('/webview/browser/pre/'));
    assert.ok(output);
    assert.notEqual(new URL(output.url()).origin, origin, 'outputs have an origin of their own');

    const exited = once(start, 'exit');
    start.kill('SIGTERM');
    await Promise.race([
      exited,
      sleep(STOP_MS).then(() => assert.fail(`npm start did not stop within ${STOP_MS / 1000} s`)),
    ]);
    await eventually(async () => !(await answers(origin)), 'the server is gone');
    await eventually(async () => (await sandboxesOfStart()).length === 0, 'the sandbox is removed');
  });
});

/** Returns the address that `npm start` prints when the server answers. */
async function addressOf(child: ChildProcess): Promise<string> {
  assert.ok(child.stdout);
  const printed: string[] = [];
  const timer = setTimeout(() => child.kill('SIGTERM'), READY_MS);
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      printed.push(line);
      const url = /^ready: (\S+)$/.exec(line)?.[1];
      if (url !== undefined) {
        child.stdout.resume();
        return url;
      }
    }
  } finally {
    clearTimeout(timer);
  }
  return assert.fail(`npm start ended, or was too slow, before it was ready:\n${printed.join('\n')}`);
}

/** Returns the notebooks of this `npm start` that have a sandbox. */
async function sandboxesOfStart(): Promise<string[]> {
  const containers = await new Docker().listContainers({
    all: true,
    filters: { label: ['sandboxed-ipython.notebook'] },
  });
  return containers
    .flatMap((container) => container.Labels['sandboxed-ipython.notebook'] ?? [])
    .filter((notebook) => notebook.includes('/start/window-'));
}

async function answers(url: string): Promise<boolean> {
  return fetch(url).then(
    () => true,
    () => false,
  );
}

async function eventually(ask: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + STOP_MS;
  while (!(await ask())) {
    assert.ok(Date.now() < deadline, `not within ${STOP_MS / 1000} s: ${what}`);
    await sleep(200);
  }
}
