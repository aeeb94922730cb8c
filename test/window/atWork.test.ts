import assert from 'node:assert/strict';
import path from 'node:path';
import type { Locator } from 'playwright-core';
import { pictureOfFailure, type Window } from '../support/window';
import { openWindow } from './server';

const HERE = path.resolve(__dirname, '../../../test/window');
/** Milliseconds, enough for a slow machine. A test ends its cell as soon as it has seen enough. */
const WATCH_MS = 60_000;

const PROGRESS = `%pip install -q tqdm
from time import sleep
from tqdm import tqdm

with tqdm(total=2000) as bar:
    try:
        while bar.n < bar.total:
            sleep(0.1)
            bar.update(5)
    except KeyboardInterrupt:
        bar.update(bar.total - bar.n)`;

const ANIMATION = `from itertools import count
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import clear_output

x = np.linspace(0, 6, 200)
try:
    for step in count():
        plt.figure(figsize=(6, 2))
        plt.plot(x, np.sin(x + step / 4))
        plt.title(f"step {step}")
        clear_output(wait=True)
        plt.show()
except KeyboardInterrupt:
    plt.close("all")  # a figure that is half done would be shown at the cell's end, as in Jupyter`;

const DEFINITION = 'def half(n):\n    parts = 2\n    return ratio(n, parts - 2)';
const CALL = 'import heapq\nfrom ratios import ratio\n\nheapq.nsmallest(1, [3], key=half)';

describe('a notebook at work, as the user sees it', () => {
  let window: Window;

  before(async () => {
    window = await openWindow(path.join(HERE, 'at-work-workspace'), {
      'motion.ipynb': [PROGRESS, ANIMATION],
      'typed.ipynb': ['import pandas as pd\n\nstations = pd.read_csv("stations.csv")', ''],
      'error.ipynb': ['"the first"', DEFINITION, CALL],
      'counts.ipynb': ['def fail():\n    return 1 / 0', 'fail()', '"the last"'],
    });
  });

  afterEach(function () {
    return pictureOfFailure(this.currentTest, window);
  });
  after(() => window?.close());

  it('a progress bar moves within one line', async function () {
    this.timeout(300_000); // builds the image if no earlier test has built it
    const { notebook } = window;
    await open('motion.ipynb');
    await notebook.runCell(0);
    await notebook.waitForOutput(/\d+%\|/, 240_000);
    const texts = new Set<string>();
    for (
      const end = Date.now() + WATCH_MS;
      texts.size < 4 && Date.now() < end;
      await notebook.page.waitForTimeout(50)
    ) {
      const bars = await notebook.output('%').allInnerTexts();
      assert.equal(bars.length, 1, 'one output');
      texts.add(bars[0] ?? '');
    }
    const counts = [...texts].map((text) => Number(/^ *\d+%\|.* (\d+)\/2000 \[.*\]\s*$/.exec(text)?.[1]));
    assert.ok(
      counts.length >= 4 && counts.every((count, i) => count > (counts[i - 1] ?? -1)),
      JSON.stringify([...texts]),
    );
    await notebook.screenshot('progress-bar');
    await notebook.interruptCell(0);
    await notebook.waitForState(0, 'success');
    assert.match(await notebook.waitForOutput('100%'), /^100%\|█+\| 2000\/2000 \[.*\]\s*$/);
  });

  it('a plot that a loop redraws is one picture that changes in place', async () => {
    const { notebook } = window;
    await notebook.scrollTo(1);
    await notebook.runCell(1);
    await notebook.outputs.locator('img').first().waitFor();
    const page = notebook.outputs.locator('body');
    await page.evaluate(COUNT_PICTURES);
    const pictures = new Set<string>();
    for (
      const end = Date.now() + WATCH_MS;
      pictures.size < 4 && Date.now() < end;
      await notebook.page.waitForTimeout(50)
    ) {
      pictures.add(await page.evaluate(PIXELS));
    }
    assert.ok(pictures.size >= 4, 'the picture changes');
    await notebook.screenshot('plot-in-motion');
    await notebook.interruptCell(1);
    await notebook.waitForState(1, 'success');
    assert.deepEqual(await page.evaluate('pictures'), [1], 'there is always exactly one picture');
    await notebook.screenshot('plot-at-rest');
  });

  it('a column that only the kernel knows is suggested, accepted and used', async () => {
    const { notebook } = window;
    await open('typed.ipynb');
    await notebook.runCell(0);
    await notebook.waitForState(0, 'success');
    await notebook.typeAndAccept(1, 'stations.sun', 'sunshine_hours');
    await notebook.page.keyboard.type('.sum()');
    await notebook.screenshot('suggestion-accepted');
    await notebook.runCell(1);
    assert.match(await notebook.waitForOutput('3584'), /3584/);
  });

  it('the links of a traceback lead to lines of cells, even of a moved cell, and of a file beside the notebook', async () => {
    const { notebook } = window;
    await open('error.ipynb');
    await notebook.runAll();
    await notebook.waitForState(2, 'error');
    const error = notebook.output('ZeroDivisionError');
    await notebook.scrollIntoView(error.getByText('division by zero'));
    await notebook.screenshot('traceback');
    assert.deepEqual(
      await error.locator('a').allInnerTexts(),
      ['line 4', '4', 'line 3', '3', '5'],
      "none leads into the sandbox's libraries",
    );

    await follow(error.getByRole('link', { name: 'line 3' }));
    await notebook.waitForCursor(1, 'return ratio(n, parts - 2)');
    await notebook.screenshot('traceback-followed');
    await notebook.escape();
    await notebook.page.keyboard.press('Alt+ArrowUp');
    await notebook.cell(0).getByText('parts = 2').waitFor();
    for (const [link, index, line] of [
      ['line 4', 2, 'heapq.nsmallest(1, [3], key=half)'],
      ['3', 0, 'return ratio(n, parts - 2)'],
    ] as const) {
      await follow(error.getByRole('link', { name: link, exact: true }));
      await notebook.waitForCursor(index, line);
    }

    await follow(error.getByRole('link', { name: '5' }));
    await notebook.page.locator('.tab.active', { hasText: 'ratios.py' }).waitFor();
    await notebook.page.locator('.statusbar-item', { hasText: /^Ln 5, Col \d+$/ }).waitFor();
    await notebook.screenshot('traceback-followed-into-file');
    await notebook.command('View: Close Editor');
  });

  it("the links of a traceback lead to a file of the project above the notebook's folder", async () => {
    const { notebook } = window;
    await notebook.inExplorer('notebooks').click();
    await open('above.ipynb');
    await notebook.runCell(0);
    await notebook.waitForState(0, 'error');
    const error = notebook.output('ZeroDivisionError');
    await notebook.scrollIntoView(error.getByText('division by zero'));
    await follow(error.getByRole('link', { name: '5' }).last());
    await notebook.page.locator('.tab.active', { hasText: 'ratios.py' }).waitFor();
    await notebook.page.locator('.statusbar-item', { hasText: /^Ln 5, Col \d+$/ }).waitFor();
    await notebook.command('View: Close Editor');
  });

  it('after a restart, the links of a traceback lead to the cell that ran and not to a cell that still shows the same number', async () => {
    const { notebook } = window;
    await open('counts.ipynb');
    await notebook.runCell(2);
    await notebook.waitForState(2, 'success');
    await notebook.toolbarButton('Restart Kernel');
    await notebook.runCell(0);
    await notebook.waitForState(0, 'success');
    await notebook.runCell(1);
    await notebook.waitForState(1, 'error');
    for (const [index, count] of ['[1]', '[2]', '[1]'].entries()) {
      assert.equal(await notebook.executionCount(index).innerText(), count);
    }
    const error = notebook.output('ZeroDivisionError');
    await follow(error.getByRole('link', { name: 'line 2' }));
    await notebook.waitForCursor(0, 'return 1 / 0');
    await follow(error.getByRole('link', { name: '2', exact: true }));
    await notebook.waitForCursor(0, 'return 1 / 0');
    await notebook.screenshot('traceback-after-restart');
  });

  async function open(file: string): Promise<void> {
    await window.notebook.save();
    await window.notebook.command('View: Close All Editors');
    await window.notebook.open(file);
    await window.notebook.pickKernel('Sandboxed IPython');
  }

  /** The caller must not be editing a cell. */
  async function follow(link: Locator): Promise<void> {
    await window.notebook.escape();
    await window.notebook.scrollIntoView(link);
    await link.click();
  }
});

// These expressions run in the page of the outputs, not in Node.

/** Records in `window.pictures` every number of pictures that the page has shown at once. */
const COUNT_PICTURES = `(() => {
  const seen = new Set();
  const look = () => {
    seen.add(document.querySelectorAll('img').length);
    window.pictures = [...seen];
  };
  look();
  new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
})()`;

/** Returns the content of the first picture. */
const PIXELS = `(async () => {
  const picture = document.querySelector('img');
  await picture.decode().catch(() => {}); // it may be replaced at this moment
  const canvas = Object.assign(document.createElement('canvas'), { width: picture.naturalWidth, height: picture.naturalHeight });
  canvas.getContext('2d').drawImage(picture, 0, 0);
  return canvas.toDataURL();
})()`;
