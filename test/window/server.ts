import path from 'node:path';
import type { Browser } from 'playwright-core';
import { launchBrowser } from '../support/browser';
import { CodeServer } from '../support/codeServer';
import { needed } from '../support/needed';
import { Window, type Notebooks } from '../support/window';

const HERE = path.resolve(__dirname, '../../../test/window');

interface Parts {
  readonly server: CodeServer;
  readonly browser: Browser;
}
let parts: Promise<Parts> | undefined;

/**
 * Opens a window on a copy of `folder` with these notebooks. All windows of the suite share one browser and one server,
 * in which our extension is installed from its VSIX beside the dummy kernel. Both start with the first window and end
 * with the suite.
 */
export async function openWindow(folder: string, notebooks?: Notebooks): Promise<Window> {
  const { server, browser } = await (parts ??= start());
  return Window.open(server, browser, folder, notebooks);
}

/** Opens another window of the same user on `folder` itself, not on a copy. */
export async function openBeside(window: Window, folder: string): Promise<Window> {
  const { server } = await (parts ??= start());
  return window.another(server, folder);
}

/** Returns the server that all windows of the suite share. */
export async function theServer(): Promise<CodeServer> {
  return (await (parts ??= start())).server;
}

/** Sets machine settings for all windows of the suite, in addition to the base image. */
export async function machineSettings(more: Readonly<Record<string, unknown>>): Promise<void> {
  const { server } = await (parts ??= start());
  server.setMachineSettings({ ...machine(), ...more });
}

const machine = (): Record<string, unknown> => ({ 'sandboxedIPython.image': needed('SANDBOXED_IPYTHON_TEST_BASE') });

after(async () => {
  const started = await parts?.catch(() => undefined);
  await Promise.all([started?.browser.close(), started?.server.stop()]);
});

async function start(): Promise<Parts> {
  const [server, browser] = await Promise.allSettled([
    CodeServer.start({
      vsix: [needed('SANDBOXED_IPYTHON_VSIX')],
      extensionFolders: [path.join(HERE, 'dummy-kernel')],
      machineSettings: machine(),
    }),
    launchBrowser(),
  ]);
  if (server.status === 'fulfilled' && browser.status === 'fulfilled') {
    return { server: server.value, browser: browser.value };
  }
  await Promise.all([
    server.status === 'fulfilled' ? server.value.stop() : undefined,
    browser.status === 'fulfilled' ? browser.value.close() : undefined,
  ]);
  throw server.status === 'rejected' ? server.reason : (browser as PromiseRejectedResult).reason;
}
