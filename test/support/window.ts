import type { Browser, Page } from 'playwright-core';
import { newPage, openWorkbench, pageIn } from './browser';
import type { CodeServer } from './codeServer';
import { removeSandboxesOf } from './leftovers';
import { NotebookPage } from './notebookPage';

/** A VS Code window on a folder of its own, in a browser profile of its own, as a user would have it. */
export class Window {
  private constructor(readonly workspace: string, readonly url: string, readonly notebook: NotebookPage) {}

  /** Opens a copy of a folder and waits until the workbench can open notebooks. */
  static async open(server: CodeServer, browser: Browser, folder: string): Promise<Window> {
    return Window.at(server, server.addWorkspace(folder), await newPage(browser));
  }

  /** Another window of the same user, on this very folder. */
  async another(server: CodeServer, folder: string): Promise<Window> { return Window.at(server, folder, await pageIn(this.notebook.page.context())); }

  private static async at(server: CodeServer, workspace: string, page: Page): Promise<Window> {
    const window = new Window(workspace, server.url({ folder: workspace }), new NotebookPage(page));
    try {
      await openWorkbench(window.notebook.page, window.url);
    } catch (error) {
      await window.close();
      throw error;
    }
    return window;
  }

  async close(): Promise<void> {
    await this.notebook.page.context().close();
    await removeSandboxesOf(this.workspace);
  }
}

/** For `afterEach`: a picture of what the user would have seen when a test failed. */
export async function pictureOfFailure(test: Mocha.Test | undefined, window: Window | undefined): Promise<void> {
  if (test?.state === 'failed' && window !== undefined) {
    const file = await window.notebook.screenshot(test.fullTitle());
    console.error(`      picture: ${file}`);
  }
}
