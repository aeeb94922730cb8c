import path from 'node:path';
import { pictureOfFailure, type Window } from '../support/window';
import { openWindow } from './server';

const HERE = path.resolve(__dirname, '../../../test/window');

/** Milliseconds after a key press within which an interrupt would show in the cell. */
const INTERRUPT_MS = 3_000;

describe('Escape while a cell waits for input', () => {
  let window: Window;
  before(async () => {
    window = await openWindow(path.join(HERE, 'dummy-workspace'), {
      'asks.ipynb': ['name = input("Name? ")\nprint("Hello", name)', '1'],
    });
    await window.notebook.open('asks.ipynb');
    await window.notebook.pickKernel('Sandboxed IPython');
  });
  afterEach(function () {
    return pictureOfFailure(this.currentTest, window);
  });
  after(() => window?.close());

  async function ask(): Promise<void> {
    const { notebook } = window;
    await notebook.scrollTo(0);
    await notebook.runCell(0);
    await notebook.quickInput.getByText(/of asks\.ipynb asks/).waitFor();
  }

  /**
   * Asserts that the cell still runs and that its prompt can be answered, in its input box or after the box was offered
   * again.
   */
  async function assertCellContinues(place: string): Promise<void> {
    const { notebook } = window;
    await notebook.page.waitForTimeout(INTERRUPT_MS);
    await notebook.waitForState(0, 'executing');
    await notebook.screenshot(`escape-after-${place}`);
    if (!(await notebook.quickInput.isVisible())) {
      await notebook.answerNotification('waits for your input: Name?', 'Answer');
    }
    await notebook.answer('Ada');
    await notebook.waitForOutput(/Name\? Ada\s*Hello Ada/);
    await notebook.waitForState(0, 'success');
  }

  it("in the notebook's Find widget does not affect the cell", async () => {
    const { notebook } = window;
    await ask();
    await notebook.cell(1).click();
    await notebook.page.keyboard.press('ControlOrMeta+F');
    const find = notebook.page.locator('.simple-fr-find-part-wrapper.visible');
    await find.locator('textarea, input').first().fill('Hello');
    await notebook.page.keyboard.press('Escape');
    await assertCellContinues('find');
  });

  it('while a file is renamed in the Explorer does not affect the cell', async () => {
    const { notebook } = window;
    await ask();
    await notebook.inExplorer('sample.ipynb').click({ button: 'right' });
    await notebook.page.keyboard.press('Escape');
    await notebook.page.keyboard.press('F2');
    const rename = notebook.page.locator('.explorer-folders-view .monaco-inputbox input');
    await rename.waitFor();
    await notebook.page.keyboard.press('Escape');
    await rename.waitFor({ state: 'hidden' });
    await assertCellContinues('rename');
  });

  it('in the Search view does not affect the cell', async () => {
    const { notebook } = window;
    await ask();
    await notebook.cell(1).click();
    await notebook.page.keyboard.press('ControlOrMeta+Shift+F');
    await notebook.page.locator('.search-view .search-widget textarea').first().fill('Hello');
    await notebook.page.keyboard.press('Escape');
    await assertCellContinues('search');
  });

  it("in the cell's own input box interrupts the cell", async () => {
    const { notebook } = window;
    await ask();
    await notebook.page.keyboard.press('Escape');
    await notebook.waitForOutput('KeyboardInterrupt');
    await notebook.waitForState(0, 'error');
    await notebook.quickInput.waitFor({ state: 'hidden' });
  });
});
