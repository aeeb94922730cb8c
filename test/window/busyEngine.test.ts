import path from 'node:path';
import type { Browser } from 'playwright-core';
import { RequestProxy } from '../session/support/requestProxy';
import { launchBrowser } from '../support/browser';
import { CodeServer } from '../support/codeServer';
import { needed } from '../support/needed';
import { Window, pictureOfFailure } from '../support/window';

const HERE = path.resolve(__dirname, '../../../test/window');
/** Milliseconds that an answer is late: longer than it is waited for before the engine counts as busy, which is 15 s. */
const LATE_MS = 30_000;

describe('an engine that is late with an answer and answers pings', () => {
  const proxy = new RequestProxy((process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock').replace('unix://', ''));
  let server: CodeServer | undefined;
  let browser: Browser | undefined;
  let window: Window;
  before(async () => {
    server = await CodeServer.start({
      vsix: [needed('SANDBOXED_IPYTHON_VSIX')],
      machineSettings: {
        'sandboxedIPython.image': needed('SANDBOXED_IPYTHON_TEST_BASE'),
        'sandboxedIPython.packages': [],
      },
      env: { DOCKER_HOST: await proxy.listen() },
    });
    browser = await launchBrowser();
    window = await Window.open(server, browser, path.join(HERE, 'dummy-workspace'), {
      'busy.ipynb': ['"first"', '"second"'],
    });
  });
  afterEach(function () {
    return pictureOfFailure(this.currentTest, window);
  });
  after(async () => {
    await window?.close();
    await Promise.all([browser?.close(), server?.stop()]);
    await proxy.close();
  });

  it('is told in the window for as long as it is so, and the cell runs once it has answered', async () => {
    const { notebook } = window;
    await notebook.open('busy.ipynb');
    await notebook.pickKernel('Sandboxed IPython');
    await notebook.runCell(0);
    await notebook.waitForOutput("'first'", 120_000); // its image is made now
    await notebook.command('Sandboxed IPython: Shut Down Sandbox');
    Object.assign(proxy, { answersPings: true, delay: LATE_MS });
    proxy.treat('GET /containers/json', 'late');
    await notebook.runCell(1);
    await notebook.waitForNotification('The container engine is busy. Your request continues when it answers.');
    await notebook.screenshot('busy-engine');
    proxy.treat(undefined);
    await notebook.waitForOutput("'second'", LATE_MS * 2);
    await notebook.notification('The container engine is busy').first().waitFor({ state: 'hidden' });
  });
});
