import { readFileSync } from 'node:fs';
import path from 'node:path';
import { step } from './log.mjs';
import { ROOT } from './paths.mjs';
import { run } from './tools.mjs';

/** @returns {Record<string, { version?: string, optional?: boolean }>} */
const packages = (file) => JSON.parse(readFileSync(path.join(ROOT, file), 'utf8')).packages;

/** Whether `node_modules` has what the lock file requires, according to npm's own list of what it installed. */
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
 * Installs the development dependencies if they are missing or do not match the lock file. Install scripts of packages
 * are not run: none is needed, and each would run foreign code.
 */
export async function ensureDependencies() {
  if (!isInstalled()) {
    await step('installed the npm packages', () => run('npm', ['ci', '--ignore-scripts'], { deadline: 300_000 }));
  }
}
