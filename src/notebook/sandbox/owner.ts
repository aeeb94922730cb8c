import { randomUUID } from 'node:crypto';
import { constants, copyFile, link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const FILE = 'owner';
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** Milliseconds that another window has to fill the file that it created. After that the file counts as broken. */
const FILL_TIMEOUT_MS = 2_000;
const POLL_INTERVAL_MS = 50;

/**
 * Returns the random id that distinguishes the sandboxes of this installation from those of others on the same engine.
 * All windows get the same id, however many ask for the first time at once: the file is created exclusively and has
 * its content from the start.
 * @param folder a folder that only this installation uses; it is created if it does not exist
 * @throws the error of the file system
 */
export async function ownerIn(folder: string): Promise<string> {
  const file = path.join(folder, FILE);
  const known = await read(file);
  if (known !== undefined && UUID.test(known)) {
    return known;
  }
  await mkdir(folder, { recursive: true });
  const candidate = path.join(folder, `${FILE}-${randomUUID()}`);
  await writeFile(candidate, randomUUID());
  try {
    await publish(candidate, file);
    for (const end = performance.now() + FILL_TIMEOUT_MS; performance.now() < end; await sleep(POLL_INTERVAL_MS)) {
      const owner = await read(file);
      if (owner !== undefined && UUID.test(owner)) {
        return owner;
      }
    }
    await rename(candidate, file); // the window that created the file ended before it wrote, or the file was changed
    return await readFile(file, 'utf8');
  } finally {
    await rm(candidate, { force: true });
  }
}

/** Gives a complete file its final name, unless another file has that name. */
async function publish(candidate: string, file: string): Promise<void> {
  try {
    await link(candidate, file);
  } catch (error) {
    if (isCode(error, 'EEXIST')) {
      return;
    }
    // This file system has no hard links. Other windows may see the file before its content.
    await copyFile(candidate, file, constants.COPYFILE_EXCL).catch((copyError: unknown) => {
      if (!isCode(copyError, 'EEXIST')) {
        throw copyError;
      }
    });
  }
}

async function read(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (isCode(error, 'ENOENT')) {
      return undefined;
    }
    throw error;
  }
}

const isCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;
