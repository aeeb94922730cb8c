import type { Dirent, Stats } from 'node:fs';
import { constants, lstat, open, opendir, realpath, type FileHandle } from 'node:fs/promises';
import path from 'node:path';
import { FileChanged, type EntryKind, type HostEntry, type HostFiles, type HostFileStat } from './host-files';
import { Semaphore } from './semaphore';

const READ_CHUNK_BYTES = 256 * 1024;
/** Both flags are absent on Windows, where `#isStill` alone protects. Without O_NONBLOCK, opening a pipe waits for its writer. */
const { O_NOFOLLOW = 0, O_NONBLOCK = 0, O_RDONLY } = constants as Partial<typeof constants>;
const EXECUTABLE_MODE_BIT = 0o100;
/**
 * Node has four threads for file access, which all extensions of a window share. A drive that does not answer blocks one thread for each
 * call. One thread always stays free, whatever happens to the drives with notebooks.
 */
const threads = new Semaphore(3);

/** Files of this computer, read with node:fs. */
export class NodeFiles implements HostFiles {
  /** @param folder real path of the folder */
  private constructor(readonly folder: string) {}

  /** @param folder absolute path. Its links are resolved once, here; no link is followed afterwards. */
  static async of(folder: string): Promise<NodeFiles> {
    return new NodeFiles(await threads.run(() => realpath(folder)));
  }

  get name(): string {
    return path.basename(this.folder);
  }

  parent(): NodeFiles | undefined {
    const above = path.dirname(this.folder);
    return above === this.folder ? undefined : new NodeFiles(above);
  }

  async list(folder: string, most: number): Promise<{ entries: HostEntry[]; complete: boolean }> {
    const at = this.#at(folder);
    return threads.run(async () => {
      const entries: HostEntry[] = [];
      let complete = true;
      for await (const entry of await opendir(at, { bufferSize: 256 })) {
        if (entries.length === most) {
          complete = false;
          break;
        }
        entries.push({ name: entry.name, kind: kindOf(entry) });
      }
      if ((await realpath(at)) !== at) {
        throw new FileChanged(folder);
      } // a link has replaced the folder
      return { entries, complete };
    });
  }

  async stat(file: string): Promise<HostFileStat | undefined> {
    try {
      return statOf(await threads.run(() => lstat(this.#at(file))));
    } catch (error) {
      if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) {
        return undefined;
      }
      throw error;
    }
  }

  async *read(file: string, as: HostFileStat): AsyncGenerator<Buffer> {
    const handle = await threads.run(() => open(this.#at(file), (O_RDONLY ?? 0) | O_NOFOLLOW | O_NONBLOCK));
    try {
      if (!(await threads.run(() => this.#isStill(file, as, handle)))) {
        throw new FileChanged(file);
      }
      for (let left = as.size; left > 0;) {
        const piece = Buffer.allocUnsafe(Math.min(READ_CHUNK_BYTES, left));
        const { bytesRead, buffer } = await threads.run(() => handle.read({ buffer: piece, position: null }));
        if (bytesRead === 0) {
          break;
        }
        left -= bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
      if (statOf(await threads.run(() => handle.stat())).version !== as.version) {
        throw new FileChanged(file);
      }
    } finally {
      await handle.close();
    }
  }

  /** Whether the open file is the one that `as` describes, and no folder on its path has become a link. */
  async #isStill(file: string, as: HostFileStat, handle: FileHandle): Promise<boolean> {
    const opened = statOf(await handle.stat());
    const at = this.#at(file);
    return (
      opened.kind === 'file' &&
      opened.version === as.version &&
      (await realpath(at)) === at &&
      statOf(await lstat(at)).version === as.version
    );
  }

  #at(file: string): string {
    return path.join(this.folder, ...file.split('/'));
  }
}

function kindOf(entry: Dirent | Stats): EntryKind {
  if (entry.isFile()) {
    return 'file';
  }
  if (entry.isDirectory()) {
    return 'folder';
  }
  return entry.isSymbolicLink() ? 'link' : 'special';
}

/** The version includes the inode's change time, which also changes when a tool restores the modification time of the content. */
function statOf(stats: Stats): HostFileStat {
  const { dev, ino, size, mtimeMs, ctimeMs, mode } = stats;
  return {
    kind: kindOf(stats),
    size,
    modified: mtimeMs,
    executable: (mode & EXECUTABLE_MODE_BIT) !== 0,
    version: [dev, ino, size, mtimeMs, ctimeMs].join(':'),
  };
}
