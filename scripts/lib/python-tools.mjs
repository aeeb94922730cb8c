import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { step } from './log.mjs';
import { cacheDir } from './paths.mjs';
import { ensureSystemPackages } from './system-packages.mjs';
import { run } from './tools.mjs';

const TOOLS = ['pytest>=8,<10', 'ruff>=0.12,<1', 'nbformat>=5.10,<6'];

/**
 * Installs pytest, ruff and nbformat in a separate environment outside of the checkout.
 * @returns {Promise<string>} its Python
 */
export async function pythonTools() {
  const folder = path.join(cacheDir(), 'python-tools');
  const python = path.join(folder, 'bin', 'python');
  const works = () =>
    existsSync(python) && spawnSync(python, ['-c', 'import pytest, ruff, nbformat'], { timeout: 60_000 }).status === 0;
  if (!works()) {
    await ensureSystemPackages(['python']);
    await step('installed pytest, ruff and nbformat', async () => {
      await run('python3', ['-m', 'venv', '--clear', folder], { deadline: 120_000 });
      await run(python, ['-m', 'pip', 'install', '--quiet', ...TOOLS], { deadline: 300_000 });
    });
  }
  return python;
}
