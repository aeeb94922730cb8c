import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { Locator } from 'playwright-core';
import { pictureOfFailure, type Window } from '../support/window';
import { machineSettings, openWindow } from './server';

const HERE = path.resolve(__dirname, '../../../test/window');

/** A click on this text would open a view if it were a link. A real attack would start a program. */
const LINK = '[Sign in](command:workbench.view.search)';
const HOSTILE = `${LINK} $(zap)`;
/** Whoever wrote the notebook chose its file name. */
const FILE = `${HOSTILE}.ipynb`;
const SECRET = `${HOSTILE}.pem`;
/**
 * No server answers at this address. A request alone would reveal that the hover was seen, and anything else that the
 * address contains.
 */
const PICTURE = 'https://picture.invalid/seen.png';

const CELLS = [
  `input(${JSON.stringify(`Session expired. ${HOSTILE} \u202egnp.exe `)})`,
  `class Rocket:\n    ${JSON.stringify(`Goes up.\n   \`\`\`\n\n![seen](${PICTURE}) ${HOSTILE} https://link.invalid/x\n`)}\nRocket`,
  'Rocket',
  `open(${JSON.stringify(SECRET)})`,
  // A child process that kills the process which unpacks copied files, after writing a text into that process's stderr.
  `import subprocess, sys
watch = '''
import glob, os, signal, time
end = time.monotonic() + 60
print("watches", flush=True)
while time.monotonic() < end:
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                if not file.read().rstrip(bytes(1)).endswith(b"unpack.py" + bytes(1) + b"/sandbox"): continue
            pid = int(path.split("/")[2])
            os.kill(pid, signal.SIGSTOP)
            with open(f"/proc/{pid}/fd/2", "w") as stream: stream.write(${JSON.stringify(HOSTILE)})
            os.kill(pid, signal.SIGKILL)
            end = 0
        except OSError: pass
'''
watcher = subprocess.Popen([sys.executable, "-c", watch], stdout=subprocess.PIPE)
watcher.stdout.readline()`,
];

/** Time in which a cell runs whose changed files are copied first, and the message about that copy appears. */
const COPY_MS = 8_000;

describe('hostile text is shown as plain text', () => {
  let window: Window;
  const requests: string[] = [];
  before(async () => {
    await machineSettings({ 'sandboxedIPython.startOn': 'run' }); // one message is about a notebook without a sandbox
    window = await openWindow(path.join(HERE, 'dummy-workspace'), { [FILE]: CELLS });
    window.notebook.page.on('request', (request) => {
      requests.push(request.url());
    });
    writeFileSync(path.join(window.workspace, SECRET), 'secret');
    await window.notebook.open('Sign in');
    await window.notebook.pickKernel('Sandboxed IPython');
  });
  afterEach(function () {
    return pictureOfFailure(this.currentTest, window);
  });
  after(() => window?.close());

  /**
   * Asserts that the text is shown as it was written, and not as a link or an icon. Returns the whole text of `place`.
   */
  async function assertInert(place: Locator, expected: string): Promise<string> {
    await place.waitFor();
    const text = (await place.innerText()).replaceAll('\u2060', '').replaceAll('\u00a0', ' ');
    assert.ok(text.includes(expected), text);
    assert.equal(await place.locator('a[href^="command:"], a:has-text("Sign in")').count(), 0, 'a link');
    assert.equal(await place.locator('.codicon-zap').count(), 0, 'an icon');
    assert.doesNotMatch(text, /\u202e/);
    return text;
  }

  it('in a message about a notebook, as its file name', async () => {
    const { notebook } = window;
    await notebook.command('Sandboxed IPython: Restart Kernel');
    await notebook.waitForNotification('has no sandbox yet');
    await assertInert(
      notebook.notification('has no sandbox yet').first(),
      `${FILE} has no sandbox yet. Run a cell to start one.`,
    );
    await notebook.screenshot('inert-file-name');
  });

  /** Runs the cell that prompts, unless its prompt is already open. */
  async function ask(): Promise<void> {
    const { notebook } = window;
    if (await notebook.quickInput.isVisible()) {
      return;
    }
    await notebook.runCell(0);
    await notebook.quickInput.getByText(/Cell \[\d\] of .* asks/).waitFor();
  }

  it('in the prompt of a cell and in the title of its input box', async () => {
    const { notebook } = window;
    await ask();
    await assertInert(notebook.quickInput, `of ${FILE} asks`);
    await assertInert(notebook.quickInput, `Session expired. ${HOSTILE} gnp.exe`);
    await notebook.screenshot('inert-prompt');
  });

  it('in the message that reminds the user of a prompt', async () => {
    const { notebook } = window;
    await ask();
    await notebook.page.keyboard.press('F1');
    await notebook.quickInput.getByText(/asks/).waitFor({ state: 'hidden' });
    await notebook.escape();
    await notebook.waitForNotification('waits for your input');
    await notebook.screenshot('inert-reminder');
    try {
      await assertInert(
        notebook.notification('waits for your input').first(),
        `waits for your input: Session expired. ${HOSTILE} gnp.exe`,
      );
    } finally {
      await notebook.answerNotification('waits for your input', 'Interrupt');
    }
    await notebook.waitForOutput('KeyboardInterrupt');
  });

  it('in the documentation of a name, which also fetches nothing', async () => {
    const { notebook } = window;
    await notebook.runCell(1);
    await notebook.waitForState(1, 'success');
    await notebook.cell(2).getByText('Rocket').first().hover();
    const hover = notebook.page.locator('.monaco-hover:visible', { hasText: 'Goes up.' });
    await assertInert(hover.first(), HOSTILE);
    await notebook.screenshot('inert-hover');
    assert.equal(await hover.locator('img, a').count(), 0);
    assert.deepEqual(
      requests.filter((url) => url.includes('.invalid')),
      [],
    );
  });

  it('in the message about a file that was left out', async () => {
    const { notebook } = window;
    await notebook.runCell(3);
    await notebook.waitForOutput('FileNotFoundError');
    await notebook.waitForNotification('looks like a key or credentials');
    await assertInert(
      notebook.notification('looks like a key or credentials').first(),
      `${SECRET} looks like a key or credentials.`,
    );
    await notebook.screenshot('inert-left-out');
  });

  it('in the message about files that were not copied because a cell ended the process that copies them', async () => {
    const { notebook } = window;
    await notebook.runCell(4);
    await notebook.waitForState(4, 'success');
    const message = notebook.notification('ended with exit code 137').first();
    // On a busy machine the copy may be over before the child process has found the process that copies.
    for (let copies = 1; copies <= 5 && !(await message.isVisible()); copies += 1) {
      writeFileSync(path.join(window.workspace, `more${copies}.txt`), 'one more file to copy');
      await notebook.runCell(1);
      await message.waitFor({ timeout: COPY_MS }).catch(() => undefined);
    }
    const shown = await assertInert(message, `${FILE}: `);
    assert.doesNotMatch(shown.replaceAll(FILE, ''), /zap|command:/, 'words of the cell');
    await notebook.screenshot('inert-not-copied');
  });

  it('in the tooltip of the status bar, whose own three links are the only links', async () => {
    const { notebook } = window;
    await notebook.runCell(3);
    await notebook.page.locator('.statusbar-item', { hasText: /^\s*Sandbox\s*$/ }).hover();
    const tooltip = notebook.page.locator('.workbench-hover', { hasText: 'Click for diagnostics' });
    await tooltip.getByRole('link', { name: 'Shut Down Sandbox' }).waitFor();
    assert.equal(await tooltip.getByRole('link').count(), 3);
    await notebook.screenshot('inert-tooltip');
  });

  it('in the message about an image that could not be built, as the error of its registry', async () => {
    const { notebook } = window;
    const registry = http.createServer((request, response) => {
      if (request.url === '/v2/') {
        response.end('{}');
      } else {
        response
          .writeHead(400, { 'Content-Type': 'application/json' })
          .end(JSON.stringify({ errors: [{ code: 'UNKNOWN', message: HOSTILE }] }));
      }
    });
    await new Promise<void>((resolve) => {
      registry.listen(0, '127.0.0.1', resolve);
    });
    try {
      await machineSettings({
        'sandboxedIPython.image': `127.0.0.1:${(registry.address() as AddressInfo).port}/test/base:1`,
      });
      await notebook.reload(); // otherwise VS Code may not have read the settings yet
      await notebook.command('Sandboxed IPython: Rebuild Image');
      await notebook.waitForNotification('The sandbox image could not be built');
      await assertInert(notebook.notification('The sandbox image could not be built').first(), `unknown: ${HOSTILE}`);
      await notebook.screenshot('inert-registry');
    } finally {
      registry.close();
      await machineSettings({});
    }
  });

  it('in the message about a setting of the workspace', async () => {
    const { notebook } = window;
    mkdirSync(path.join(window.workspace, '.vscode'), { recursive: true });
    writeFileSync(
      path.join(window.workspace, '.vscode', 'settings.json'),
      JSON.stringify({ 'sandboxedIPython.historySize': HOSTILE }),
    );
    await notebook.reload(); // otherwise VS Code may not have read the settings yet
    await notebook.command('Sandboxed IPython: Rebuild Image');
    await notebook.waitForNotification('sandboxedIPython.historySize cannot be');
    await assertInert(notebook.notification('sandboxedIPython.historySize cannot be').first(), `cannot be "${HOSTILE}`);
    await notebook.screenshot('inert-setting');
  });
});
