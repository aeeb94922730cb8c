import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { launchBrowser, newPage, openWorkbench } from '../support/browser';
import { CodeServer } from '../support/codeServer';
import { NotebookPage } from '../support/notebookPage';

const ROOT = path.resolve(__dirname, '../../..');
const SIZE = { width: 1100, height: 890 };
/** Milliseconds, in which the image may have to be built. */
const FIRST_OUTPUT_MS = 300_000;

/** Takes the pictures that README and gallery show, from the extension in VS Code. */
async function main(): Promise<void> {
  const base = process.env['SANDBOXED_IPYTHON_TEST_BASE'];
  const vsix = process.env['SANDBOXED_IPYTHON_VSIX'];
  assert.ok(base !== undefined && vsix !== undefined, 'run this by `npm run screenshots`');
  const browser = await launchBrowser();
  const server = await CodeServer.start({
    workspace: path.join(ROOT, 'test/screenshots/workspace'),
    vsix: [vsix],
    machineSettings: { 'sandboxedIPython.image': base },
  });
  try {
    const page = await newPage(browser, SIZE);
    const notebook = new NotebookPage(page);
    await openWorkbench(page, server.url());
    await notebook.open('analysis.ipynb');
    await notebook.kernelLabel.filter({ hasText: 'Sandboxed IPython' }).waitFor();
    await notebook.command('View: Toggle Primary Side Bar Visibility');
    await notebook.runAll();
    await notebook.outputs.locator('img').first().waitFor({ timeout: FIRST_OUTPUT_MS });
    await notebook.waitForOutput('the network:');
    await notebook.waitForState(2, 'success');
    await page.mouse.move(SIZE.width / 2, 5);
    await page.locator('.workbench-hover').waitFor({ state: 'hidden' });
    mkdirSync(path.join(ROOT, 'media'), { recursive: true });
    await page.screenshot({ path: path.join(ROOT, 'media/screenshot.png'), animations: 'disabled' });
  } catch (error) {
    const [page] = browser.contexts().flatMap((context) => context.pages());
    if (page !== undefined) {
      console.error(`picture: ${await new NotebookPage(page).screenshot('screenshots')}`);
    }
    throw error;
  } finally {
    await browser.close();
    await server.stop();
  }
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
