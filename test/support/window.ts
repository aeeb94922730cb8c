import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { newPage, openWorkbench, pageIn } from './browser';
import type { CodeServer } from './codeServer';
import { removeSandboxesOf } from './leftovers';
import { NotebookPage } from './notebookPage';

interface CodeCell {
  code: string;
  language?: string;
}
/** The code cells of notebooks, by file name. */
export type Notebooks = Readonly<Record<string, readonly (string | CodeCell)[]>>;

/** A VS Code window on its own folder, in its own browser profile, as a user would have it. */
export class Window {
  private constructor(
    readonly workspace: string,
    readonly url: string,
    readonly notebook: NotebookPage,
  ) {}

  /** Opens a copy of a folder, with these notebooks beside its own files, and waits until the workbench can open them. */
  static async open(server: CodeServer, browser: Browser, folder: string, notebooks: Notebooks = {}): Promise<Window> {
    return Window.at(server, server.addWorkspace(folder), await newPage(browser), notebooks);
  }

  /** Opens another window of the same user on `folder` itself, not on a copy. */
  async another(server: CodeServer, folder: string): Promise<Window> {
    return Window.at(server, folder, await pageIn(this.notebook.page.context()));
  }

  private static async at(
    server: CodeServer,
    workspace: string,
    page: Page,
    notebooks: Notebooks = {},
  ): Promise<Window> {
    const window = new Window(workspace, server.url({ folder: workspace }), new NotebookPage(page));
    try {
      for (const [file, cells] of Object.entries(notebooks)) {
        window.addNotebook(file, cells);
      }
      await openWorkbench(window.notebook.page, window.url);
    } catch (error) {
      await window.close();
      throw error;
    }
    return window;
  }

  /** Adds a notebook that has never run to the folder. */
  addNotebook(file: string, cells: Notebooks[string]): void {
    const saved = cells
      .map((cell) => (typeof cell === 'string' ? { code: cell } : cell))
      .map(({ code, language }: CodeCell, i) => ({
        cell_type: 'code',
        id: `cell-${i}`,
        execution_count: null,
        outputs: [],
        source: code,
        metadata: language === undefined ? {} : { vscode: { languageId: language } },
      }));
    const notebook = { cells: saved, metadata: { language_info: { name: 'python' } }, nbformat: 4, nbformat_minor: 5 };
    writeFileSync(path.join(this.workspace, file), JSON.stringify(notebook));
  }

  async close(): Promise<void> {
    await this.notebook.page.context().close();
    await removeSandboxesOf(this.workspace);
  }
}

/**
 * For `afterEach`: saves a screenshot of the window of a failed test, and prints its text for logs without pictures.
 */
export async function pictureOfFailure(test: Mocha.Test | undefined, window: Window | undefined): Promise<void> {
  if (test?.state === 'failed' && window !== undefined) {
    const { page } = window.notebook;
    const file = await window.notebook.screenshot(test.fullTitle());
    const texts = (selector: string): Promise<string[]> => page.locator(`${selector}:visible`).allInnerTexts();
    const [tabs, status, notifications] = await Promise.all([
      texts('.tab'),
      texts('.statusbar-item'),
      texts('.notification-list-item'),
    ]);
    console.error(`      picture: ${file}\n      ${JSON.stringify({ tabs, status, notifications })}`);
  }
}
