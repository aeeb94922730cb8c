import { format } from 'node:util';
import type { Browser } from 'playwright-core';
import { launchBrowser, newPage } from './browser';
import { CodeServer } from './codeServer';

/**
 * Accepts the test arguments of `code` and runs that suite in the extension host of code-server, with a headless
 * browser as the window. So it can be the executable of `@vscode/test-electron` where the desktop VS Code is not
 * available. It uses the same hooks of VS Code as `@vscode/test-web`.
 */

const LIMIT_MS = Number(process.env['EXTENSION_TESTS_SECONDS'] ?? 1_320) * 1000;

interface Arguments {
  readonly workspace: string | undefined;
  readonly development: readonly string[];
  readonly tests: string;
}

/** Other arguments are only for the desktop version. */
function parse(args: readonly string[]): Arguments {
  const valuesOf = (name: string) =>
    args.filter((arg) => arg.startsWith(`--${name}=`)).map((arg) => arg.slice(name.length + 3));
  const [tests] = valuesOf('extensionTestsPath');
  if (tests === undefined) {
    throw new Error('usage: [FOLDER] --extensionDevelopmentPath=DIR --extensionTestsPath=FILE');
  }
  return {
    workspace: args.find((arg) => !arg.startsWith('-')),
    development: valuesOf('extensionDevelopmentPath'),
    tests,
  };
}

/** Returns the exit code of the suite. If there is none in time, the error contains the log of the workbench. */
async function runSuite(
  page: Awaited<ReturnType<typeof newPage>>,
  server: CodeServer,
  { development, tests }: Arguments,
): Promise<number> {
  const log: string[] = [];
  await page.exposeFunction('codeAutomationLog', (level: string, args: unknown[]) => {
    log.push(`[${level}] ${format(...args)}`);
  });
  const ended = new Promise<number>((resolve, reject) => {
    const fail = (why: string) =>
      reject(new Error([why, '--- workbench', ...log.slice(-40), '--- server', server.log.slice(-3_000)].join('\n')));
    page.exposeFunction('codeAutomationExit', resolve).catch(reject);
    page.once('crash', () => fail('The page crashed.'));
    setTimeout(() => fail(`No result within ${LIMIT_MS / 1000} s.`), LIMIT_MS).unref();
    setInterval(() => {
      if (server.ended !== undefined) {
        fail(server.ended);
      }
    }, 500).unref();
  });
  ended.catch(() => undefined); // even while the page is still loading
  const url = server.url({
    payload: [
      ...development.map((folder) => ['extensionDevelopmentPath', server.remoteUri(folder)] as const),
      ['extensionTestsPath', server.remoteUri(tests)],
    ],
  });
  const response = await page.goto(url, { waitUntil: 'commit' });
  if (response?.ok() !== true) {
    throw new Error(`code-server answered ${response?.status() ?? 'nothing'}\n${server.log}`);
  }
  return ended;
}

async function main(): Promise<number> {
  const args = parse(process.argv.slice(2));
  let server: CodeServer | undefined;
  let browser: Browser | undefined;
  const close = async () => {
    await Promise.allSettled([browser?.close(), server?.stop()]);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      void close().then(() => process.exit(130));
    });
  }
  try {
    server = await CodeServer.start({
      ...(args.workspace === undefined ? {} : { workspace: args.workspace }),
      testDriver: true,
    });
    browser = await launchBrowser();
    return await runSuite(await newPage(browser), server, args);
  } finally {
    await close();
  }
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
