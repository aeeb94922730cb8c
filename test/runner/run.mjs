/**
 * `run.mjs VERSION MARKS [PYTEST-ARGUMENT…]`: the runner's tests in hardened containers of the image that is derived from
 * `SANDBOXED_IPYTHON_TEST_BASE`, whose Python has this version: those with such marks (as pytest's `-m`), with '' all. Ends with `N passed, N failed, N skipped`.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { needed } from '../../out/test/support/needed.js';
import { pythonTools } from '../../scripts/lib/python-tools.mjs';

const here = import.meta.dirname;
const root = path.resolve(here, '../..');
const [version, marks = '', ...more] = process.argv.slice(2);

/** @returns {Promise<string>} the derived image for a base, with matplotlib for the plots */
function derivedImage(reference) {
  return new Promise((resolve, reject) => {
    const server = spawn(process.execPath, [path.join(root, 'out/test/runner/container-server.js')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    createInterface({ input: server.stdout }).once('line', (line) => {
      const { image, error } = JSON.parse(line);
      if (error) reject(new Error(error));
      else resolve(image);
      server.stdin.end();
    });
    server.once('error', reject);
    server.once('exit', (code) => {
      reject(new Error(`the container server ended with ${code}`));
    });
    server.stdin.write(`${JSON.stringify({ do: 'image', base: reference, packages: ['matplotlib'] })}\n`);
  });
}

/** @returns {Promise<string>} the last line in which pytest counted */
function pytest(python, image, temporary) {
  return new Promise((resolve, reject) => {
    const words = [
      '-m',
      'pytest',
      '-q',
      '--no-header',
      '-p',
      'no:cacheprovider',
      '--tb=short',
      '--color=no',
      ...(marks ? ['-m', marks] : []),
      ...more,
      here,
    ];
    const child = spawn(python, words, {
      cwd: root,
      env: {
        ...process.env,
        TMPDIR: temporary,
        SANDBOX_IMAGE: image,
        SANDBOX_PYTHON: version,
        PYTHONDONTWRITEBYTECODE: '1',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let last = '';
    createInterface({ input: child.stdout }).on('line', (line) => {
      console.log(line);
      if (/\d+ (passed|failed|error|skipped)/.test(line)) last = line;
    });
    child.once('error', reject);
    child.once('close', () => {
      resolve(last);
    });
  });
}

/** pytest keeps what tests have written into temporary folders. */
const temporary = mkdtempSync(path.join(tmpdir(), 'runner-'));
let counted = '';
try {
  counted = await pytest(await pythonTools(), await derivedImage(needed('SANDBOXED_IPYTHON_TEST_BASE')), temporary);
} catch (error) {
  console.log(String(error));
} finally {
  rmSync(temporary, { recursive: true, force: true });
}
const count = (word) => Number(new RegExp(`(\\d+) ${word}`).exec(counted)?.[1] ?? 0);
const [passed, failed, skipped] = [count('passed'), count('failed') + count('errors?'), count('skipped')];
const unheard = passed + failed === 0 ? 1 : 0; // pytest did not come to its tests
console.log(`${passed} passed, ${failed + unheard} failed, ${skipped} skipped`);
process.exit(failed + unheard === 0 ? 0 : 1);
