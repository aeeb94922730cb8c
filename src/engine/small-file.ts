import { constants, open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

/** Docker's configuration usually has a few hundred bytes. */
const MAX_CONFIGURATION_BYTES = 1024 * 1024;
/** Deadline for the whole file, which may be on a network drive that does not answer. */
const READ_DEADLINE_MS = 5_000;
/** O_NONBLOCK is absent on Windows, which has no named pipes in its folders. Without it, opening a pipe waits for its writer. */
const { O_RDONLY = 0, O_NONBLOCK = 0 } = constants as Partial<typeof constants>;

/**
 * Reads the text of a small file; undefined if it does not exist. It never waits for a pipe or a device at that path, and only up to a
 * deadline for a network drive.
 * @throws Error if it is not a file, has more than `maxBytes`, or cannot be read in time
 */
export async function readSmallFile(path: string, maxBytes = MAX_CONFIGURATION_BYTES): Promise<string | undefined> {
  const enough = new AbortController();
  try {
    const late = sleep(READ_DEADLINE_MS, undefined, { signal: enough.signal }).then(() => {
      throw new Error(`it cannot be read within ${READ_DEADLINE_MS / 1000} s`);
    });
    return await Promise.race([read(path, maxBytes), late]);
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) {
      return undefined;
    }
    throw error;
  } finally {
    enough.abort();
  }
}

async function read(path: string, maxBytes: number): Promise<string> {
  const file = await open(path, O_RDONLY | O_NONBLOCK);
  try {
    const found = await file.stat();
    if (!found.isFile()) {
      throw new Error('it is no file');
    }
    if (found.size > maxBytes) {
      throw new Error(`it has more than ${maxBytes} bytes`);
    }
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}
