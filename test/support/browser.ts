import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';

/** Milliseconds. A slow machine may be busy for long; the deadline of each test decides what is too long. */
const ACTION_MS = 60_000;
const LOAD_MS = 120_000;

const ARGUMENTS = [
  '--no-sandbox', // for root in a container, where Chromium cannot create its own sandbox
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Starts a headless Chromium: `$CHROMIUM` if set, otherwise Debian's. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    headless: true,
    args: ARGUMENTS,
    timeout: ACTION_MS,
  });
}

/** Opens a page in a new profile, prepared for a workbench. */
export async function newPage(browser: Browser, viewport = { width: 1400, height: 1000 }): Promise<Page> {
  const context = await browser.newContext({ viewport });
  await refuseOwnServiceWorker(context);
  return pageIn(context);
}

/** Opens another page of a profile. */
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

/** Opens a workbench. Until the workbench knows its extensions, an .ipynb file would open as JSON text. */
export async function openWorkbench(page: Page, url: string): Promise<void> {
  const response = await page.goto(url, { waitUntil: 'commit', timeout: LOAD_MS });
  if (response?.ok() !== true) {
    throw new Error(`The server answered ${response?.status() ?? 'nothing'} for ${url}`);
  }
  await extensionsLoaded(page);
}

/** Waits until the workbench knows its extensions, also after a reload. */
export async function extensionsLoaded(page: Page): Promise<void> {
  await page.waitForFunction("performance.getEntriesByName('code/didLoadExtensions').length > 0", undefined, {
    timeout: LOAD_MS,
  });
}
