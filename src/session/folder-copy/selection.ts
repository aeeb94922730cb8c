import { setImmediate as nextTurn } from 'node:timers/promises';
import { FOLDER_READ_DEADLINE_MS, MAX_ENTRIES, type Bounds } from './bounds';
import type { Gitignore, GitignoreLayers } from './gitignore';
import { TooCostly } from './gitignore-rules';
import { above, below, type HostEntry, type HostFiles, type HostFileStat } from './host-files';
import { LeftOuts, isIn, type Reason } from './left-out';
import { excludedBy, invalidName, isEnvironment } from './names';

/** An item that is to be in the sandbox: a file in the state in which it was found, or (`file` undefined) a folder. */
export interface Item {
  path: string;
  file: HostFileStat | undefined;
}
export interface Selection {
  items: Item[];
  leftOut: LeftOuts;
}

export interface SelectionOptions {
  files: HostFiles;
  gitignore: Gitignore;
  bounds: Bounds;
  /** The notebook's own file, which is not copied because the window changes it all the time. The items nearest to it come first. */
  notebook: string;
  /** Select only items in the notebook's folder and below. */
  folderOnly?: boolean;
  /** Milliseconds. Folders that were not read by then are left out. */
  deadline?: number;
}

/** A folder that is to be read. */
interface Folder {
  path: string;
  layers: GitignoreLayers;
}

/** Maximum time for which names are matched without a pause. */
const MAX_TURN_MS = 20;
/** Maximum number of files that are examined at the same time. */
const MAX_PARALLEL_STATS = 64;

/**
 * Selects the items of a folder that are copied into a sandbox: first the notebook's own folder with everything below it, then the rest of
 * the folder above, and so on up to the top. Each of these is read level by level, so that the bounds cut the deepest items. In each folder
 * the smallest files come first.
 */
export async function select(options: SelectionOptions): Promise<Selection> {
  const walk = new Walk(options);
  await walk.run();
  return { items: walk.items, leftOut: walk.leftOut };
}

class Walk {
  readonly items: Item[] = [];
  readonly leftOut = new LeftOuts();
  readonly #folders: Folder[] = [];
  readonly #end: number;
  /** The notebook's folder. */
  readonly #start: string;
  /** The folder that has been read completely, with everything below it. */
  #done: string | undefined;
  #entries = 0;
  #bytes = 0;

  constructor(private readonly options: SelectionOptions) {
    this.#end = performance.now() + (options.deadline ?? FOLDER_READ_DEADLINE_MS);
    this.#start = above(options.notebook);
  }

  async run(): Promise<void> {
    const { gitignore } = this.options;
    const layers = await gitignore.layersAbove();
    if (layers.length > 0 && gitignore.ignoresWholeFolder(layers)) {
      this.leftOut.add({ path: '', reason: 'ignored' });
      return;
    }
    const tops = await this.#tops(layers);
    for (let top = tops.shift(); top !== undefined; top = tops.shift()) {
      this.#folders.push(top);
      for (let next = this.#folders.shift(); next !== undefined; next = this.#folders.shift()) {
        const { path } = next;
        if (performance.now() > this.#end) {
          this.#giveUp([path, ...this.#folders.map((folder) => folder.path)], [top, ...tops]);
          return;
        }
        if (this.#isFull && next !== top) {
          this.leftOut.add({ path, reason: 'tooMany' });
        } else {
          await this.#folder(path, next.layers).catch(() => {
            this.leftOut.add({ path, reason: 'unreadable' });
          });
        }
      }
      this.#done = top.path;
    }
  }

  get #isFull(): boolean {
    return this.items.length >= this.options.bounds.maxItems;
  }

  /**
   * The notebook's folder and the folders above it, the innermost first, without folders that `.gitignore` names. Each stands for
   * everything in it that is not in the previous folder of the list.
   */
  async #tops(layers: GitignoreLayers): Promise<Folder[]> {
    const tops = [{ path: '', layers }];
    const { gitignore, folderOnly = false } = this.options;
    let reason: Reason | undefined;
    for (let [last] = tops; last !== undefined && last.path !== this.#start && reason === undefined; [last] = tops) {
      const path = below(
        last.path,
        this.#start.slice(last.path === '' ? 0 : last.path.length + 1).split('/', 1)[0] ?? '',
      );
      const inside = await gitignore.layersWithin(last.path, last.layers).catch(() => undefined);
      reason = inside === undefined ? 'unreadable' : this.#ignored(path, true, inside);
      if (inside !== undefined && reason === undefined) {
        tops.unshift({ path, layers: inside });
      }
    }
    if (!folderOnly) {
      return tops;
    } // run() meets an ignored or unreadable folder again and records it
    if (reason !== undefined) {
      this.leftOut.add({ path: this.#start, reason });
    }
    return reason === undefined ? tops.slice(0, 1) : [];
  }

  /** Records the folders that were not read in time. @param tops the top folder that was started, and those that were not */
  #giveUp(paths: readonly string[], tops: readonly Folder[]): void {
    let [but, begun] = [this.#done, tops[0]?.path];
    for (const path of paths) {
      this.leftOut.add({ path, reason: 'slow', ...(path === begun && but !== undefined && { but }) });
    }
    for (const { path } of tops.slice(1)) {
      but = begun;
      begun = path;
      this.leftOut.add({ path, reason: 'slow', ...(but !== undefined && { but }) });
    }
  }

  async #folder(path: string, outer: GitignoreLayers): Promise<void> {
    const { files, gitignore } = this.options;
    const { entries, complete } = await files.list(path, MAX_ENTRIES - this.#entries);
    this.#entries += entries.length;
    if (path !== '') {
      if (path !== this.#start && isEnvironment(entries.map(({ name }) => name))) {
        this.leftOut.add({ path, reason: 'generated' });
        return;
      }
      // a folder that contains the notebook's folder exists in the sandbox anyway
      if (!(this.#isFull && isIn(this.#start, path)) && !this.#admit({ path, file: undefined })) {
        return;
      }
    }
    if (!complete) {
      this.leftOut.add({ path, reason: 'more' });
    }
    const layers = entries.some(({ name }) => name === '.gitignore')
      ? await gitignore.layersWithin(path, outer)
      : outer;
    const wanted = (await this.#wanted(path, entries, layers)).sort((a, b) => (a.name < b.name ? -1 : 1));
    await this.#filesOf(path, wanted);
    for (const { name, kind } of wanted) {
      if (kind === 'folder' && below(path, name) !== this.#done) {
        this.#folders.push({ path: below(path, name), layers });
      }
    }
  }

  /**
   * The entries that are not left out by name. Matching rules may take long, so it pauses for other work of the window and keeps to the
   * deadline.
   */
  async #wanted(folder: string, entries: readonly HostEntry[], layers: GitignoreLayers): Promise<HostEntry[]> {
    const wanted: HostEntry[] = [];
    let turn = performance.now();
    for (const entry of entries) {
      if (performance.now() - turn > MAX_TURN_MS) {
        await nextTurn();
        turn = performance.now();
        if (turn > this.#end) {
          this.leftOut.add({ path: folder, reason: 'slow' });
          break;
        }
      }
      if (this.#wants(folder, entry, layers)) {
        wanted.push(entry);
      }
    }
    return wanted;
  }

  #wants(folder: string, { name, kind }: HostEntry, layers: GitignoreLayers): boolean {
    const path = below(folder, name);
    const reason =
      path === this.options.notebook
        ? 'notebook'
        : (excludedBy(name, kind) ?? invalidName(path) ?? this.#ignored(path, kind === 'folder', layers));
    if (reason !== undefined) {
      this.leftOut.add({ path, reason });
    }
    return reason === undefined;
  }

  /** Why `.gitignore` leaves a path out. If that cannot be decided in time, the path is left out, because it may be meant to be. */
  #ignored(path: string, isFolder: boolean, layers: GitignoreLayers): 'ignored' | 'rules' | undefined {
    try {
      return this.options.gitignore.ignores(path, isFolder, layers) ? 'ignored' : undefined;
    } catch (error) {
      if (!(error instanceof TooCostly)) {
        throw error;
      }
      return 'rules';
    }
  }

  async #filesOf(folder: string, entries: readonly HostEntry[]): Promise<void> {
    const paths = entries.filter(({ kind }) => kind === 'file').map(({ name }) => below(folder, name));
    if (this.#isFull) {
      for (const path of paths) {
        this.leftOut.add({ path, reason: 'tooMany' });
      }
      return;
    }
    const found: { path: string; file: HostFileStat }[] = [];
    for (let i = 0; i < paths.length; i += MAX_PARALLEL_STATS) {
      await Promise.all(
        paths.slice(i, i + MAX_PARALLEL_STATS).map(async (path) => {
          const file = await this.options.files.stat(path).catch(() => null);
          if (file === null) {
            this.leftOut.add({ path, reason: 'unreadable' });
          } else if (file?.kind === 'file') {
            found.push({ path, file });
          } // else the file was removed or replaced by something else
        }),
      );
    }
    const { bounds } = this.options;
    for (const { path, file } of found.sort((a, b) => a.file.size - b.file.size || (a.path < b.path ? -1 : 1))) {
      const { size } = file;
      if (size > bounds.maxFileBytes) {
        this.leftOut.add({ path, reason: 'tooLarge', size });
      } else if (this.#bytes + size > bounds.maxTotalBytes) {
        this.leftOut.add({ path, reason: 'tooMuch', size });
      } else if (this.#admit({ path, file })) {
        this.#bytes += size;
      }
    }
  }

  #admit(item: Item): boolean {
    if (this.#isFull) {
      this.leftOut.add({ path: item.path, reason: 'tooMany' });
      return false;
    }
    this.items.push(item);
    return true;
  }
}
