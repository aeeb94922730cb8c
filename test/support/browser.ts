import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';

/** A slow machine is busy for long; a test's own deadline says when it is too long. */
const ACTION_MS = 60_000;
const LOAD_MS = 120_000;

const ARGUMENTS = [
  '--no-sandbox', // root in a container, where Chromium's own sandbox cannot be made
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** A headless Chromium: `$CHROMIUM`, else Debian's. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    headless: true,
    args: ARGUMENTS,
    timeout: ACTION_MS,
  });
}

/** A page in a profile of its own, fit for a workbench. */
export async function newPage(browser: Browser, viewport = { width: 1400, height: 1000 }): Promise<Page> {
  const context = await browser.newContext({ viewport });
  await refuseOwnServiceWorker(context);
  return pageIn(context);
}

/** Another page of a profile. */
export async function pageIn(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  page.setDefaultTimeout(ACTION_MS);
  return page;
}

/**
 * code-server registers a service worker for the whole page, to be installable as an app. A webview inside such a
 * page waits 5 to 20 s for an update of its own worker before it shows the first output.
 */
async function refuseOwnServiceWorker(context: BrowserContext): Promise<void> {
  await context.addInitScript({
    content: `{
      const workers = navigator.serviceWorker;
      const register = workers?.register.bind(workers);
      if (register) {
        workers.register = (url, options) => String(url).includes('/out/browser/serviceWorker.js')
          ? Promise.reject(new Error('refused by the test'))
          : register(url, options);
      }
    }`,
  });
}

/** Opens a workbench. Before its extensions are known, an .ipynb would open as JSON text. */
export async function openWorkbench(page: Page, url: string): Promise<void> {
  const response = await page.goto(url, { waitUntil: 'commit', timeout: LOAD_MS });
  if (response?.ok() !== true) {
    throw new Error(`The server answered ${response?.status() ?? 'nothing'} for ${url}`);
  }
  await extensionsLoaded(page);
}

/** Waits until the workbench, also after a reload, knows its extensions. */
export async function extensionsLoaded(page: Page): Promise<void> {
  await page.waitForFunction("performance.getEntriesByName('code/didLoadExtensions').length > 0", undefined, {
    timeout: LOAD_MS,
  });
}
