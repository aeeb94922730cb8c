import { readFileSync } from 'node:fs';
import path from 'node:path';
import { step } from './log.mjs';
import { ROOT } from './paths.mjs';
import { run } from './tools.mjs';

/** @returns {Record<string, { version?: string, optional?: boolean }>} */
const packages = (file) => JSON.parse(readFileSync(path.join(ROOT, file), 'utf8')).packages;

/** Whether `node_modules` holds what the lock file asks for (npm's own note of what it installed tells). */
function isInstalled() {
  let installed;
  try {
    installed = packages('node_modules/.package-lock.json');
  } catch {
    return false;
  }
  return Object.entries(packages('package-lock.json')).every(
    ([name, { version, optional }]) => name === '' || optional || installed[name]?.version === version,
  );
}

/**
 * Installs the development dependencies when they are absent or not those of the lock file.
 * No package's install script is run: none is needed, and each would be code of a stranger.
 */
export async function ensureDependencies() {
  if (!isInstalled()) {
    await step('installed the npm packages', () => run('npm', ['ci', '--ignore-scripts'], { deadline: 300_000 }));
  }
}
