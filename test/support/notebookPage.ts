import fs from 'node:fs';
import path from 'node:path';
import type { FrameLocator, Locator, Page } from 'playwright-core';
import { extensionsLoaded } from './browser';

/** What a cell's status bar shows about its last run. */
export type CellState = 'success' | 'error' | 'executing' | 'pending';

/** So long may its extension take to offer the only kernel, which is then selected unasked. */
const UNASKED_MS = 15_000;

/** A window of VS Code with a notebook, in the words of its user. Cells are counted from 0, Markdown included. */
export class NotebookPage {
  constructor(readonly page: Page) {}

  /** Opens a file of the workspace's root by a double click in the explorer. */
  async open(file: string): Promise<void> {
    await this.explorerRow(file).dblclick();
    await this.editor.locator('.cell-list-container').waitFor();
  }

  explorerRow(name: string): Locator {
    return this.page.locator('.explorer-folders-view .monaco-list-row', { hasText: name });
  }

  get editor(): Locator {
    return this.page.locator('.notebookOverlay:visible');
  }

  get toolbar(): Locator {
    return this.page.locator('.notebook-toolbar-container:visible');
  }

  /** The kernel's name at the right of the toolbar. */
  get kernelLabel(): Locator {
    return this.toolbar.locator('.kernel-label');
  }

  /**
   * Picks a kernel as a user does, unless it is selected (VS Code takes the only one unasked).
   * @param source the extension's display name: the picker's first level, absent where it has one kernel only
   */
  async pickKernel(name: string, source = name): Promise<void> {
    const selected = this.kernelLabel.filter({ hasText: name });
    if (await selected.waitFor({ timeout: UNASKED_MS }).then(() => true, () => false)) {
      return;
    }
    await this.kernelLabel.click();
    const rows = this.quickInput.locator('.monaco-list-row');
    await rows.first().waitFor();
    const kernel = rows.filter({ hasText: name });
    if (await kernel.count() === 0) {
      await rows.filter({ hasText: source }).first().click();
    }
    await kernel.first().click();
    await selected.waitFor();
  }

  /** Presses a button of the notebook's toolbar, also where the toolbar is too narrow and keeps it under "…". */
  async toolbarButton(title: string): Promise<void> {
    const button = this.toolbar.getByRole('button', { name: title }).first();
    if (await button.isVisible()) {
      await button.click();
      return;
    }
    await this.toolbar.getByRole('button', { name: 'More Actions' }).first().click();
    await this.page.locator('.context-view .action-menu-item', { hasText: title }).first().click();
  }

  async runAll(): Promise<void> {
    await this.toolbar.getByRole('button', { name: 'Run All' }).click();
  }

  cell(index: number): Locator {
    return this.editor.locator(`.monaco-list-row[data-index="${index}"]`).filter({ has: this.page.locator('.cell-inner-container') });
  }

  /** Writes code at the end of a cell. */
  async type(index: number, code: string): Promise<void> {
    await this.cell(index).locator('.monaco-editor').first().click();
    await this.page.keyboard.insertText(code);
  }

  async runCell(index: number): Promise<void> {
    await this.cell(index).hover();
    await this.cell(index).getByRole('button', { name: /^Execute Cell(?! and)/ }).first().click();
  }

  /** Presses the cell's stop button. */
  async interruptCell(index: number): Promise<void> {
    await this.cell(index).hover();
    await this.cell(index).getByRole('button', { name: /^(Stop|Interrupt)/ }).first().click();
  }

  async waitForState(index: number, state: CellState, timeout?: number): Promise<void> {
    await this.cell(index).locator(`.codicon-notebook-state-${state}`).first().waitFor(wait(timeout));
  }

  /** The `[n]` at the left of a cell. */
  executionCount(index: number): Locator {
    return this.cell(index).locator('.execution-count-label');
  }

  /** The page in which VS Code draws all outputs of the notebook. */
  get outputs(): FrameLocator {
    return this.page.frameLocator('iframe.webview.ready').frameLocator('iframe#active-frame');
  }

  /** Outputs that hold this text. */
  output(text: string | RegExp): Locator {
    return this.outputs.locator('.output', { hasText: text });
  }

  async waitForOutput(text: string | RegExp, timeout?: number): Promise<string> {
    const output = this.output(text).first();
    await output.waitFor(wait(timeout));
    return output.innerText();
  }

  /** Runs a command by its title in the palette. */
  async command(title: string): Promise<void> {
    await this.page.keyboard.press('F1');
    await this.quickInput.locator('input').first().fill(`>${title}`);
    await this.quickInput.locator('.monaco-list-row', { hasText: title }).first().click();
  }

  /** The palette, a picker or an input box. */
  get quickInput(): Locator {
    return this.page.locator('.quick-input-widget:visible');
  }

  /** Answers the input box that is open, or comes. */
  async answer(text: string): Promise<void> {
    const box = this.quickInput.locator('input').first();
    await box.waitFor();
    await box.fill(text);
    await box.press('Enter');
  }

  notification(text: string | RegExp): Locator {
    return this.page.locator('.notifications-toasts .notification-list-item', { hasText: text });
  }

  /** Presses a button of a notification. */
  async answerNotification(text: string | RegExp, button: string): Promise<void> {
    await this.notification(text).getByRole('button', { name: button }).click();
  }

  /** Answers a modal dialog of the workbench. */
  async answerDialog(button: string): Promise<void> {
    await this.page.locator('.monaco-dialog-box').getByRole('button', { name: button }).click();
  }

  async save(): Promise<void> {
    await this.page.keyboard.press('ControlOrMeta+S');
  }

  /** Reloads the window, as "Developer: Reload Window" does. */
  async reload(): Promise<void> {
    await this.page.reload({ waitUntil: 'commit' });
    await extensionsLoaded(this.page);
  }

  /** Writes `test-results/<name>.png` and returns its path. */
  async screenshot(name: string): Promise<string> {
    const file = path.resolve(__dirname, '../../..', 'test-results', `${name.replace(/[^\w.-]+/g, '-')}.png`);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    await this.page.screenshot({ path: file });
    return file;
  }
}

const wait = (timeout: number | undefined) => (timeout === undefined ? {} : { timeout });
