import path from 'node:path';
import { pictureOfFailure, type Window } from '../support/window';
import { machineSettings, openWindow } from './server';

const HERE = path.resolve(__dirname, '../../../test/window');

describe('a setting that is changed while a notebook runs', () => {
  let window: Window;
  before(async () => {
    window = await openWindow(path.join(HERE, 'dummy-workspace'), { 'limits.ipynb': ['x = 1', '"x" in globals()'] });
  });
  afterEach(function () {
    return pictureOfFailure(this.currentTest, window);
  });
  after(async () => {
    await machineSettings({});
    await window?.close();
  });

  it('shows "Reset to apply" in the status bar, and a click on it starts a sandbox with the new setting', async () => {
    const { notebook } = window;
    await notebook.open('limits.ipynb');
    await notebook.pickKernel('Sandboxed IPython');
    await notebook.runCell(0);
    await notebook.waitForState(0, 'success');
    const item = notebook.page.locator('.statusbar-item', { hasText: /^\s*(Sandbox|Reset to apply)\s*$/ });
    await item.filter({ hasText: 'Sandbox' }).waitFor();
    await machineSettings({ 'sandboxedIPython.cpus': 1 });
    await item.filter({ hasText: 'Reset to apply' }).click();
    await item
      .filter({ hasText: 'Sandbox' })
      .or(notebook.page.locator('.statusbar-item', { hasText: 'No sandbox yet' }))
      .waitFor();
    await notebook.runCell(1);
    await notebook.waitForOutput('False');
    await item.filter({ hasText: 'Sandbox' }).hover();
    const tooltip = notebook.page.locator('.workbench-hover', { hasText: '1 CPUs' });
    await tooltip.getByRole('link', { name: 'Reset Sandbox State' }).waitFor();
    await notebook.screenshot('status-bar-tooltip');
    await tooltip.getByRole('link', { name: 'Restart Kernel' }).click();
    await notebook.runCell(0);
    await notebook.waitForState(0, 'success');
    await notebook.executionCount(0).filter({ hasText: '[1]' }).waitFor();
  });
});
