import type { Browser } from 'playwright-core';
import { launchBrowser, newPage, openWorkbench } from './browser';
import { CodeServer, type CodeServerOptions } from './codeServer';
import { NotebookPage } from './notebookPage';

/** A VS Code window on a server of its own, as a user would have it. */
export class Window {
  private constructor(
    readonly server: CodeServer,
    readonly notebook: NotebookPage,
    private readonly browser: Browser,
  ) {}

  /** Starts server and browser side by side and waits until the workbench can open notebooks. */
  static async open(options: CodeServerOptions): Promise<Window> {
    const [server, browser] = await Promise.allSettled([CodeServer.start(options), launchBrowser()]);
    if (server.status === 'rejected' || browser.status === 'rejected') {
      await Promise.all([
        server.status === 'fulfilled' ? server.value.stop() : undefined,
        browser.status === 'fulfilled' ? browser.value.close() : undefined,
      ]);
      throw server.status === 'rejected' ? server.reason : (browser as PromiseRejectedResult).reason;
    }
    const window = new Window(server.value, new NotebookPage(await newPage(browser.value)), browser.value);
    try {
      await openWorkbench(window.notebook.page, server.value.url());
    } catch (error) {
      await window.close();
      throw error;
    }
    return window;
  }

  async close(): Promise<void> {
    await Promise.all([this.browser.close(), this.server.stop()]);
  }
}

/** For `afterEach`: a picture of what the user would have seen when a test failed. */
export async function pictureOfFailure(test: Mocha.Test | undefined, window: Window | undefined): Promise<void> {
  if (test?.state === 'failed' && window !== undefined) {
    const file = await window.notebook.screenshot(test.fullTitle());
    console.error(`      picture: ${file}`);
  }
}
