import path from 'node:path';
import type { Browser } from 'playwright-core';
import { RequestProxy } from '../session/support/requestProxy';
import { launchBrowser } from '../support/browser';
import { CodeServer } from '../support/codeServer';
import { needed } from '../support/needed';
import { Window, pictureOfFailure } from '../support/window';

const HERE = path.resolve(__dirname, '../../../test/window');
/** Milliseconds by which an answer is late: longer than the 15 s after which the engine counts as busy. */
const LATE_MS = 30_000;

describe('an engine that answers late but answers pings', () => {
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

  it('is reported in the window while it is busy, and the cell runs once it has answered', async () => {
    const { notebook } = window;
    await notebook.open('busy.ipynb');
    await notebook.pickKernel('Sandboxed IPython');
    await notebook.runCell(0);
    await notebook.waitForOutput("'first'", 120_000); // this run builds the image
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
