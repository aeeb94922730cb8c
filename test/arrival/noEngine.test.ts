import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Browser } from 'playwright-core';
import { launchBrowser } from '../support/browser';
import { CodeServer } from '../support/codeServer';
import { needed } from '../support/needed';
import { Window, pictureOfFailure } from '../support/window';

const HERE = path.resolve(__dirname, '../../../test/window');
/** Places of engine sockets on Linux outside of the user's home. They are hidden from this server. */
const SOCKETS = ['/run/docker.sock', '/run/podman/podman.sock'];

describe('a computer without a container engine', () => {
  let server: CodeServer | undefined;
  let browser: Browser | undefined;
  let window: Window | undefined;
  let home = '';

  before(async function () {
    if (process.getuid?.() !== 0 || process.platform !== 'linux') {
      this.skip();
    } // only root can hide what is there
    home = mkdtempSync(path.join(os.tmpdir(), 'no-engine-'));
    const nothing = path.join(home, 'nothing');
    writeFileSync(nothing, '');
    const hide = SOCKETS.map((file) => `{ [ ! -e ${file} ] || mount --bind ${nothing} ${file}; }`).join(' && ');
    [server, browser] = await Promise.all([
      CodeServer.start({
        vsix: [needed('SANDBOXED_IPYTHON_VSIX')],
        env: { HOME: home, XDG_RUNTIME_DIR: home, DOCKER_HOST: '', DOCKER_CONTEXT: '' },
        through: ['unshare', '--mount', 'sh', '-c', `${hide} && exec "$@"`, 'sh'],
      }),
      launchBrowser(),
    ]);
    window = await Window.open(server, browser, path.join(HERE, 'dummy-workspace'), { 'first.ipynb': ['1'] });
  });

  afterEach(function () {
    return pictureOfFailure(this.currentTest, window);
  });
  after(async () => {
    await window?.close();
    await Promise.all([browser?.close(), server?.stop()]);
    if (home !== '') {
      rmSync(home, { recursive: true, force: true });
    }
  });

  it('is told in the cell which products give one and how to start it; the status bar leads to what was tried', async () => {
    assert.ok(window);
    const { notebook } = window;
    await notebook.open('first.ipynb');
    await notebook.pickKernel('Sandboxed IPython');
    await notebook.runCell(0);
    const said = await notebook.waitForOutput('EngineNotFound');
    assert.match(
      said,
      /No container engine is running on this computer\. [^]*Start Docker \("sudo systemctl start docker"\) or Podman's socket \("systemctl --user enable --now podman\.socket"\), or install one of them/,
    );
    await notebook.screenshot('no-engine');
    await notebook.page.locator('.statusbar-item', { hasText: 'No sandbox yet' }).click();
    await notebook.page.locator('.tab.active', { hasText: 'Diagnostics' }).waitFor();
    const page = notebook.page.locator('.editor-instance .view-lines').first();
    await page.getByText('unix:///var/run/docker.sock').first().waitFor();
    const lines = (await page.innerText()).replace(/\s/g, ''); // the lines are wrapped
    for (const tried of [`unix://${home}/docker.sock`, `unix://${home}/podman/podman.sock`]) {
      assert.ok(lines.includes(tried), `${tried}: ${lines}`);
    }
    await notebook.screenshot('no-engine-diagnostics');
  });
});
