import { runTests } from '@vscode/test-electron';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Result } from './index';

/**
 * Runs the suite in VS Code: in a downloaded desktop version if `VSCODE_TEST_DESKTOP` is set, otherwise in code-server.
 * The extension host has no standard output of its own, so the suite reports through a file.
 */
async function main(): Promise<void> {
  const root = path.resolve(__dirname, '../../..');
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'extension-tests-'));
  const report = path.join(folder, 'report.txt');
  fs.writeFileSync(report, '');
  let shown = 0;
  const show = () => {
    const text = fs.readFileSync(report);
    process.stdout.write(text.subarray(shown));
    shown = text.length;
  };
  const follow = setInterval(show, 200);
  let failed = false;
  try {
    await runTests({
      ...(process.env['VSCODE_TEST_DESKTOP'] === undefined
        ? { vscodeExecutablePath: path.join(root, 'test/support/bin/code.mjs') }
        : {}),
      extensionDevelopmentPath: process.env['EXTENSION_UNDER_TEST'] ?? root,
      extensionTestsPath: path.join(__dirname, 'index.js'),
      launchArgs: [path.join(root, 'test/extension/workspace'), '--disable-extensions'],
      extensionTestsEnv: { TEST_OUT: report },
    });
  } catch (error) {
    failed = true;
    console.error(String(error));
  } finally {
    clearInterval(follow);
    show();
  }
  const result = readResult(`${report}.json`);
  fs.rmSync(folder, { recursive: true, force: true });
  if (result !== undefined) {
    console.log(`${result.passed} passed, ${result.failed} failed, ${result.skipped} skipped`);
  }
  process.exitCode = failed || result === undefined ? 1 : 0;
}

/** Undefined if the extension host ended before the suite did. */
function readResult(file: string): Result | undefined {
  return fs.existsSync(file) ? (JSON.parse(fs.readFileSync(file, 'utf8')) as Result) : undefined;
}

void main();
