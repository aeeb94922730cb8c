import fs from 'node:fs';
import path from 'node:path';
import type { FrameLocator, Locator, Page } from 'playwright-core';
import { extensionsLoaded } from './browser';
import { insist } from './insist';

/** The state of a cell's last run, as its status bar shows it. */
export type CellState = 'success' | 'error' | 'executing' | 'pending';

/** Milliseconds within which VS Code usually selects the only kernel by itself. */
const UNASKED_MS = 3_000;

/** Milliseconds after a click within which a menu closes. A menu that is still open then has ignored the click. */
const MENU_MS = 1_000;
/** Milliseconds after which an input box of VS Code no longer resets the text that was typed. */
const SETTLED_MS = 500;
/** Milliseconds within which things appear that need no action. */
const WAIT_MS = 60_000;
/** The height of the toolbar above the cells. */
const TOOLBAR_PX = 40;
const MARGIN_PX = 20;

/**
 * A VS Code window with a notebook, with the actions of its user. Cells are counted from 0, including Markdown cells.
 * {@link insist} repeats actions that the workbench may undo (menus, pickers, notifications, suggestions).
 */
export class NotebookPage {
  constructor(readonly page: Page) {}

  /** Opens a file of the workspace's root by a double click in the explorer. */
  async open(file: string): Promise<void> {
    await insist(
      async (patience) => {
        await this.inExplorer(file).dblclick({ timeout: patience });
        await this.editor.locator('.cell-list-container').waitFor({ timeout: patience });
      },
      () => this.command('Refresh Explorer'),
    ); // the Explorer may have missed a file that was created while the window opened
  }

  /** Returns a file or folder of the workspace's root in the Explorer. */
  inExplorer(name: string): Locator {
    return this.page.locator('.explorer-folders-view .monaco-list-row', { hasText: name });
  }

  /** Chooses an item of the menu that a right click opens. */
  async chooseFromMenuOf(target: Locator, item: string): Promise<void> {
    await insist(
      async (patience) => {
        await target.click({ button: 'right', timeout: patience });
        await this.#chooseFromMenu(this.page.getByRole('menuitem', { name: item }), patience);
      },
      () => this.escape(),
    );
  }

  /** VS Code ignores a click on a menu that has just opened, and closes the menu when it accepts a click. */
  async #chooseFromMenu(item: Locator, patience: number): Promise<void> {
    await item.waitFor({ timeout: patience });
    let clicked = false;
    for (const end = Date.now() + patience; Date.now() < end;) {
      clicked = await item.click({ timeout: MENU_MS }).then(
        () => true,
        () => clicked,
      );
      if (
        (await item.waitFor({ state: 'hidden', timeout: MENU_MS }).then(
          () => true,
          () => false,
        )) &&
        clicked
      ) {
        return;
      }
    }
    throw new Error('the menu hears no click');
  }

  /** Closes a menu, picker or suggestion. */
  async escape(): Promise<void> {
    await this.page.keyboard.press('Escape');
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
   * Picks a kernel as a user does, unless it is selected already (VS Code selects the only kernel by itself).
   * @param source the display name of the extension, which is the first level of the picker; not shown if the extension
   *   has only one kernel
   */
  async pickKernel(name: string, source = name): Promise<void> {
    const selected = this.kernelLabel.filter({ hasText: name });
    await insist(
      async (patience) => {
        if (
          await selected.waitFor({ timeout: UNASKED_MS }).then(
            () => true,
            () => false,
          )
        ) {
          return;
        }
        await this.kernelLabel.click({ timeout: patience });
        const rows = this.quickInput.locator('.monaco-list-row');
        await rows.first().waitFor({ timeout: patience });
        const kernel = rows.filter({ hasText: name });
        if ((await kernel.count()) === 0) {
          await rows.filter({ hasText: source }).first().click({ timeout: patience });
        }
        await kernel.first().click({ timeout: patience });
        await selected.waitFor({ timeout: patience });
      },
      () => this.escape(),
    );
  }

  /** Presses a button of the notebook's toolbar, even if the toolbar is too narrow and has it under "…". */
  async toolbarButton(title: string): Promise<void> {
    const button = this.toolbar.getByRole('button', { name: title }).first();
    if (await button.isVisible()) {
      await button.click();
      return;
    }
    await insist(
      async (patience) => {
        await this.toolbar.getByRole('button', { name: 'More Actions' }).first().click({ timeout: patience });
        await this.#chooseFromMenu(
          this.page.locator('.context-view .action-menu-item', { hasText: title }).first(),
          patience,
        );
      },
      () => this.escape(),
    );
  }

  async runAll(): Promise<void> {
    await this.toolbar.getByRole('button', { name: 'Run All' }).click();
  }

  cell(index: number): Locator {
    return this.editor
      .locator(`.monaco-list-row[data-index="${index}"]`)
      .filter({ has: this.page.locator('.cell-inner-container') });
  }

  /** Types code at the end of a cell. */
  async type(index: number, code: string): Promise<void> {
    await this.cell(index).locator('.monaco-editor').first().click();
    await this.page.keyboard.insertText(code);
  }

  /** Scrolls to a cell and its outputs with the keyboard, because VS Code only draws what is near the view. */
  async scrollTo(index: number): Promise<void> {
    const { keyboard } = this.page;
    await insist(
      async (patience) => {
        for (const key of ['Control+1', 'Escape', 'Control+Home']) {
          await keyboard.press(key);
        }
        for (let cell = 0; cell <= index; cell += 1) {
          await keyboard.press('ArrowDown');
        }
        if ((await this.#isFocused(index + 1).count()) > 0) {
          await keyboard.press('ArrowUp');
        } // else it is the last one
        await this.#isFocused(index).waitFor({ timeout: patience });
      },
      async () => {},
    );
  }

  #isFocused(index: number): Locator {
    return this.cell(index).and(this.page.locator('.focused'));
  }

  /** Types into a cell and accepts a suggestion. */
  async typeAndAccept(index: number, text: string, suggestion: string): Promise<void> {
    const { keyboard } = this.page;
    await this.cell(index).locator('.monaco-editor').first().click();
    await keyboard.type(text);
    const suggested = this.page.locator('.suggest-widget.visible .monaco-list-row', { hasText: suggestion }).first();
    await insist(
      (patience) => suggested.click({ timeout: patience }),
      async () => {
        await this.escape();
        await this.cell(index).locator('.monaco-editor').first().click();
        await keyboard.press('Control+End');
        await keyboard.press('Control+Space');
      },
    );
  }

  /** Waits until a cell is being edited, with the cursor in the line that has this text. */
  async waitForCursor(index: number, line: string, timeout = WAIT_MS): Promise<void> {
    let found: string | undefined;
    for (const end = Date.now() + timeout; found !== line; await this.page.waitForTimeout(100)) {
      if (Date.now() > end) {
        throw new Error(
          `the cursor of cell ${index} is ${found === undefined ? 'not there' : `in "${found}"`}, not in "${line}"`,
        );
      }
      found = await this.#lineOfCursor(this.cell(index).locator('.monaco-editor.focused'));
    }
  }

  async #lineOfCursor(editor: Locator): Promise<string | undefined> {
    if ((await editor.count()) === 0) {
      return undefined;
    }
    const cursor = await editor.locator('.cursors-layer .cursor').first().boundingBox();
    for (const line of await editor.locator('.view-line').all()) {
      const box = await line.boundingBox();
      if (cursor !== null && box !== null && Math.abs(box.y - cursor.y) < box.height / 2) {
        return (await line.innerText()).replace(/\s/g, ' ').trim();
      }
    }
    return undefined;
  }

  async runCell(index: number): Promise<void> {
    await this.#pressOf(index, /^Execute Cell(?! and)/);
  }

  /** Presses the cell's stop button. */
  async interruptCell(index: number): Promise<void> {
    await this.#pressOf(index, /^(Stop|Interrupt)/);
  }

  /** A cell shows its buttons while the mouse is over it; outputs that appear above move the cell away. */
  async #pressOf(index: number, name: RegExp): Promise<void> {
    await insist(
      async (patience) => {
        await this.cell(index).hover({ timeout: patience });
        await this.cell(index).getByRole('button', { name }).first().click({ timeout: patience });
      },
      async () => {},
    );
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

  /** The outputs that contain this text. */
  output(text: string | RegExp): Locator {
    return this.outputs.locator('.output', { hasText: text });
  }

  /**
   * Turns the mouse wheel until a part of an output is in view, because VS Code itself moves the page of all outputs.
   */
  async scrollIntoView(part: Locator): Promise<void> {
    await this.editor.hover();
    await insist(
      async (patience) => {
        for (const end = Date.now() + patience; ; await this.page.waitForTimeout(100)) {
          const [box, room] = [
            await part.boundingBox({ timeout: patience }),
            await this.editor.boundingBox({ timeout: patience }),
          ];
          if (box === null || room === null) {
            throw new Error('it is not shown');
          }
          const below = box.y + box.height - (room.y + room.height);
          const above = room.y + TOOLBAR_PX - box.y;
          if (below <= 0 && above <= 0) {
            return;
          }
          if (Date.now() > end) {
            throw new Error(`it stays ${below > 0 ? `${below} px below` : `${above} px above`} what is shown`);
          }
          await this.page.mouse.wheel(0, below > 0 ? below + MARGIN_PX : -above - MARGIN_PX);
        }
      },
      async () => {},
    );
  }

  async waitForOutput(text: string | RegExp, timeout?: number): Promise<string> {
    const output = this.output(text).first();
    await output.waitFor(wait(timeout));
    return output.innerText();
  }

  /** Runs a command by its title in the palette. */
  async command(title: string): Promise<void> {
    await insist(
      async (patience) => {
        await this.page.keyboard.press('F1');
        await this.quickInput.locator('input').first().fill(`>${title}`, { timeout: patience });
        await this.quickInput.locator('.monaco-list-row', { hasText: title }).first().click({ timeout: patience });
      },
      () => this.escape(),
    );
  }

  /** The palette, a picker or an input box. */
  get quickInput(): Locator {
    return this.page.locator('.quick-input-widget:visible');
  }

  /** Answers the input box that is open or opens next. */
  async answer(text: string): Promise<void> {
    const box = this.quickInput.locator('input').first();
    await box.waitFor();
    await box.fill(text);
    await box.press('Enter');
  }

  /** A notification that pops up or is in the list of all. */
  notification(text: string | RegExp): Locator {
    return this.page.locator(':is(.notifications-toasts, .notifications-center) .notification-list-item:visible', {
      hasText: text,
    });
  }

  /** Waits for a notification, even if it has already popped up and closed. */
  async waitForNotification(text: string | RegExp): Promise<void> {
    if (
      !(await this.notification(text)
        .first()
        .waitFor()
        .then(
          () => true,
          () => false,
        ))
    ) {
      await this.#showNotifications();
      await this.notification(text).first().waitFor();
    }
  }

  /** Presses a button of a notification. */
  async answerNotification(text: string | RegExp, button: string): Promise<void> {
    await this.waitForNotification(text);
    await insist(
      (patience) => this.notification(text).first().getByRole('button', { name: button }).click({ timeout: patience }),
      () => this.#showNotifications(),
    );
  }

  async #showNotifications(): Promise<void> {
    await this.command('Notifications: Show Notifications');
  }

  /** Answers a modal dialog of the workbench. */
  async answerDialog(button: string): Promise<void> {
    await this.page.locator('.monaco-dialog-box').getByRole('button', { name: button }).click();
  }

  async save(): Promise<void> {
    await this.page.keyboard.press('ControlOrMeta+S');
  }

  /**
   * Saves a notebook that has no file yet. The box that asks for a path replaces its text by a path of its own while it
   * loads.
   */
  async saveFirst(file: string): Promise<void> {
    const box = this.quickInput.locator('input').first();
    await insist(
      async (patience) => {
        await this.command('File: Save');
        await this.#waitForValue(box, (value) => value !== '', patience);
        await box.fill(file, { timeout: patience });
        await this.page.waitForTimeout(SETTLED_MS);
        await this.#waitForValue(box, (value) => value === file, MENU_MS);
      },
      () => this.escape(),
    );
    await box.press('Enter');
    await this.page.locator('.tabs-container .tab', { hasText: path.basename(file) }).waitFor();
  }

  async #waitForValue(box: Locator, fits: (value: string) => boolean, timeout: number): Promise<void> {
    for (
      const end = Date.now() + timeout;
      !fits(await box.inputValue({ timeout }));
      await this.page.waitForTimeout(50)
    ) {
      if (Date.now() > end) {
        throw new Error(`the box holds "${await box.inputValue({ timeout })}"`);
      }
    }
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
