import { readFile, stat } from 'node:fs/promises';

/** Bytes. Docker's configuration has a few hundred. */
const LARGEST = 1024 * 1024;

/** Text of a configuration file; undefined where there is none. Never waits for a pipe or a device in its place. */
export async function readSmallFile(path: string): Promise<string | undefined> {
  try {
    const found = await stat(path);
    if (!found.isFile()) throw new Error('it is no file');
    if (found.size > LARGEST) throw new Error(`it has more than ${LARGEST} bytes`);
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return undefined;
    throw error;
  }
}
