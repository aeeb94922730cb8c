/**
 * The runner's tests in hardened containers: all of them on the oldest Python with IPython 8 and on the newest with IPython 9,
 * a smoke on those between. Ends with `N passed, N failed, N skipped`.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pythonTools } from '../../scripts/lib/python-tools.mjs';

const here = import.meta.dirname;
const root = path.resolve(here, '../..');
const bases = JSON.parse(process.env.SANDBOXED_IPYTHON_TEST_BASES ?? '{}');
const base = (suite) => bases[suite] ?? `sandboxed-ipython-base:${suite}`;

/** Which IPython a Python can have decides the rest: 3.9 ends at IPython 8, 3.14 begins with 9. Those of a lane run one after the other. */
const LANES = [
  [{ suite: 'bullseye', title: 'Python 3.9, IPython 8', marks: '' }, { suite: 'bookworm', title: 'Python 3.11', marks: 'smoke' }],
  [{ suite: 'forky', title: 'Python 3.14, IPython 9', marks: '' }, { suite: 'trixie', title: 'Python 3.13', marks: 'smoke' }],
];

/** @returns {Promise<string>} the derived image for a base, with matplotlib for the plots */
function derivedImage(reference) {
  return new Promise((resolve, reject) => {
    const server = spawn(process.execPath, [path.join(root, 'out/test/runner/container-server.js')], { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: server.stdout }).once('line', (line) => {
      const { image, error } = JSON.parse(line);
      if (error) reject(new Error(error)); else resolve(image);
      server.stdin.end();
    });
    server.once('error', reject);
    server.once('exit', (code) => { reject(new Error(`the container server ended with ${code}`)); });
    server.stdin.write(`${JSON.stringify({ do: 'image', base: reference, packages: ['matplotlib'] })}\n`);
  });
}

/** @returns {Promise<{passed: number, failed: number, skipped: number, lines: string[]}>} */
function pytest(python, image, marks) {
  return new Promise((resolve) => {
    const words = ['-m', 'pytest', '-q', '--no-header', '-p', 'no:cacheprovider', '--tb=short', '--color=no', ...(marks ? ['-m', marks] : []), ...process.argv.slice(2), here];
    const child = spawn(python, words, { cwd: root, env: { ...process.env, TMPDIR: temporary, SANDBOX_IMAGE: image, PYTHONDONTWRITEBYTECODE: '1' }, stdio: ['ignore', 'pipe', 'inherit'] });
    let last = '';
    const lines = [];
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      if (/\d+ (passed|failed|error|skipped)/.test(line)) last = line;
    });
    child.once('close', () => {
      const count = (word) => Number(new RegExp(`(\\d+) ${word}`).exec(last)?.[1] ?? 0);
      const sums = { passed: count('passed'), failed: count('failed') + count('errors?'), skipped: count('skipped'), lines };
      if (sums.passed + sums.failed === 0) sums.failed = 1;
      resolve(sums);
    });
  });
}

/** pytest keeps what tests have written into temporary folders. */
const temporary = mkdtempSync(path.join(tmpdir(), 'runner-'));
const python = await pythonTools();
const sums = { passed: 0, failed: 0, skipped: 0 };
await Promise.all(LANES.map(async (lane) => {
  for (const { suite, title, marks } of lane) {
    const result = await derivedImage(base(suite)).then((image) => pytest(python, image, marks), (error) => ({ passed: 0, failed: 1, skipped: 0, lines: [String(error)] }));
    console.log([`\n${title}${marks ? ` (${marks})` : ''}`, ...result.lines].join('\n'));
    for (const key of Object.keys(sums)) sums[key] += result[key];
  }
}));
rmSync(temporary, { recursive: true, force: true });
console.log(`${sums.passed} passed, ${sums.failed} failed, ${sums.skipped} skipped`);
process.exit(sums.failed === 0 ? 0 : 1);
