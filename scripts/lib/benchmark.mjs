import { existsSync } from 'node:fs';
import path from 'node:path';
import { step } from './log.mjs';
import { cacheDir } from './paths.mjs';
import { TestEnvironment } from './test-environment.mjs';
import { run } from './tools.mjs';

/** @param {readonly string[]} options for `bench/run.ts`, or with `--window` for `bench/window/run.ts` */
export async function runBenchmark(options) {
  const isInWindow = options.includes('--window');
  /** @type {import('./suites.mjs').Need[]} */
  // needed for the bundle in it
  const needs = ['engine', 'bookworm', 'python', ...(isInWindow ? ['code-server', 'browser', 'vsix'] : [])];
  const environment = new TestEnvironment(new Set(needs));
  await step('compiled', () =>
    run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.'], { deadline: 180_000 }),
  );
  const env = await environment.of(needs);
  const python = await ensureIpykernel();
  await run(
    process.execPath,
    ['--enable-source-maps', `out/bench/${isInWindow ? 'window/run' : 'run'}.js`, python, ...options],
    { deadline: 1_500_000, env: { ...process.env, ...env }, show: true },
  );
}

/**
 * Runs a program of `bench/` that needs an engine and the usual base image.
 * @param {'conformance' | 'faults' | 'told'} name
 * @param {readonly string[]} options for it
 * @param {number} minutes its deadline
 */
export async function runOnEngine(name, options, minutes) {
  const environment = new TestEnvironment(new Set(['engine', 'bookworm']));
  await step('compiled', () =>
    run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', '.'], { deadline: 180_000 }),
  );
  const env = await environment.of(['engine', 'bookworm']);
  await run(process.execPath, ['--enable-source-maps', `out/bench/${name}.js`, ...options], {
    deadline: minutes * 60_000,
    env: { ...process.env, ...env },
    show: true,
  });
}

/** Makes a virtual environment with ipykernel outside the checkout, and returns its Python. */
async function ensureIpykernel() {
  const folder = cacheDir('ipykernel');
  const python = path.join(folder, 'bin', 'python');
  const installed = path.join(folder, 'bin', 'jupyter-kernelspec');
  if (!existsSync(installed)) {
    await step('installed ipykernel', async () => {
      await run('python3', ['-m', 'venv', '--clear', folder], { deadline: 120_000 });
      await run(python, ['-m', 'pip', 'install', '--quiet', 'ipykernel', 'jupyter_client'], { deadline: 300_000 });
    });
  }
  return python;
}
