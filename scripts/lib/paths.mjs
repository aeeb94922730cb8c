import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

/** The checkout that these scripts belong to. */
export const ROOT = path.resolve(import.meta.dirname, '..', '..');

/**
 * Returns a folder of the cache, which is outside of the checkout. It keeps what is slow to make, so that a clean clone
 * starts fast and `git clean` removes nothing of it.
 * @param {...string} parts folders below the cache, made when absent
 */
export function cacheDir(...parts) {
  const base =
    process.env.SANDBOXED_IPYTHON_CACHE ||
    path.join(process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache'), 'sandboxed-ipython-dev');
  const folder = path.resolve(base, ...parts);
  mkdirSync(folder, { recursive: true });
  return folder;
}
