import path from 'node:path';
import { pictureOfFailure, type Window } from '../support/window';
import { machineSettings, openWindow } from './server';

const FOLDER = path.resolve(__dirname, '../../../test/window/dummy-workspace');

describe('a kernel that the user chooses, as the user sees it', () => {
  let window: Window;

  afterEach(function () {
    return pictureOfFailure(this.currentTest, window);
  });
  after(async () => {
    await machineSettings({});
    await window?.close();
  });

  it('has its image made at once under a notification, and a cell that is run meanwhile waits for the image', async function () {
    this.timeout(300_000); // builds the image, with a package
    await machineSettings({ 'sandboxedIPython.packages': [`six<${1_000 + (Date.now() % 1_000_000)}`] });
    window = await openWindow(FOLDER, { 'chosen.ipynb': ['import six\n"six is there"'] });
    const { notebook } = window;
    await notebook.open('chosen.ipynb');
    await notebook.kernelLabel.waitFor();
    await notebook.pickKernel('Sandboxed IPython');
    await notebook.waitForNotification('Preparing the sandbox image (once)');
    await notebook.screenshot('kernel-chosen');
    await notebook.runCell(0);
    await notebook.waitForOutput('six is there', 240_000);
    await notebook.screenshot('kernel-chosen-end');
  });
});
