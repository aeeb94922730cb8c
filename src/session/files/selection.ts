import { setImmediate as nextTurn } from 'node:timers/promises';
import { LOOK_DEADLINE, MOST_ENTRIES, type Bounds } from './bounds';
import type { Gitignore, Layers } from './gitignore';
import { TooCostly } from './gitignore-rules';
import { below, type HostEntry, type HostFiles, type Seen } from './host-files';
import { LeftOuts } from './left-out';
import { excludedBy, impossible, isEnvironment } from './names';

/** What is to be in the sandbox: a file as it was seen, or a folder. */
export interface Item { path: string; file: Seen | undefined }
export interface Selection { items: Item[]; leftOut: LeftOuts }

export interface Asked {
  files: HostFiles;
  gitignore: Gitignore;
  bounds: Bounds;
  /** Name of the notebook's own file, which the window has and changes all the time. */
  notebook: string;
  /** Milliseconds; what was not looked at by then is left out. */
  deadline?: number;
}

/** Milliseconds for which names are matched without a pause. */
const MAX_TURN_MS = 20;
/** Looks under way at once. */
const AT_ONCE = 64;

/**
 * Chooses what of a folder comes into a sandbox: folder after folder from the top, so that bounds cut what is deepest, and in a
 * folder the smallest files first.
 */
export async function select(asked: Asked): Promise<Selection> {
  const walk = new Walk(asked);
  await walk.run();
  return { items: walk.items, leftOut: walk.leftOut };
}

class Walk {
  readonly items: Item[] = [];
  readonly leftOut = new LeftOuts();
  readonly #folders: { path: string; layers: Layers }[] = [];
  readonly #end: number;
  #entries = 0;
  #bytes = 0;

  constructor(private readonly asked: Asked) { this.#end = performance.now() + (asked.deadline ?? LOOK_DEADLINE); }

  async run(): Promise<void> {
    const { gitignore } = this.asked;
    const layers = await gitignore.above();
    if (layers.length > 0 && gitignore.namesAll(layers)) {
      this.leftOut.add({ path: '', reason: 'ignored' });
      return;
    }
    this.#folders.push({ path: '', layers });
    for (let next = this.#folders.shift(); next !== undefined; next = this.#folders.shift()) {
      const { path } = next;
      const isLate = performance.now() > this.#end;
      if (isLate || this.items.length >= this.asked.bounds.items) {
        this.leftOut.add({ path, reason: isLate ? 'slow' : 'tooMany' });
        return;
      }
      try {
        await this.#folder(path, next.layers);
      } catch {
        this.leftOut.add({ path, reason: 'unreadable' });
      }
    }
  }

  async #folder(path: string, above: Layers): Promise<void> {
    const { files, gitignore } = this.asked;
    const { entries, complete } = await files.list(path, MOST_ENTRIES - this.#entries);
    this.#entries += entries.length;
    if (path !== '') {
      if (isEnvironment(entries.map(({ name }) => name))) {
        this.leftOut.add({ path, reason: 'generated' });
        return;
      }
      if (!this.#admit({ path, file: undefined })) return;
    }
    if (!complete) this.leftOut.add({ path, reason: 'more' });
    const layers = entries.some(({ name }) => name === '.gitignore') ? await gitignore.within(path, above) : above;
    const wanted = (await this.#wanted(path, entries, layers)).sort((a, b) => (a.name < b.name ? -1 : 1));
    await this.#filesOf(path, wanted);
    for (const { name, kind } of wanted) if (kind === 'folder') this.#folders.push({ path: below(path, name), layers });
  }

  /** Those that are not left out by their names. Rules may take long to match: other work of the window goes on meanwhile, and the deadline holds. */
  async #wanted(folder: string, entries: readonly HostEntry[], layers: Layers): Promise<HostEntry[]> {
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
      if (this.#wants(folder, entry, layers)) wanted.push(entry);
    }
    return wanted;
  }

  #wants(folder: string, { name, kind }: HostEntry, layers: Layers): boolean {
    const path = below(folder, name);
    const reason = path === this.asked.notebook ? 'notebook' : excludedBy(name, kind)
      ?? impossible(path) ?? this.#ignored(path, kind === 'folder', layers);
    if (reason !== undefined) this.leftOut.add({ path, reason });
    return reason === undefined;
  }

  /** What cannot be told in time may be meant to stay here. */
  #ignored(path: string, isFolder: boolean, layers: Layers): 'ignored' | 'rules' | undefined {
    try {
      return this.asked.gitignore.names(path, isFolder, layers) ? 'ignored' : undefined;
    } catch (error) {
      if (!(error instanceof TooCostly)) throw error;
      return 'rules';
    }
  }

  async #filesOf(folder: string, entries: readonly HostEntry[]): Promise<void> {
    const paths = entries.filter(({ kind }) => kind === 'file').map(({ name }) => below(folder, name));
    const found: { path: string; file: Seen }[] = [];
    for (let i = 0; i < paths.length; i += AT_ONCE) {
      await Promise.all(paths.slice(i, i + AT_ONCE).map(async (path) => {
        const file = await this.asked.files.look(path).catch(() => null);
        if (file === null) this.leftOut.add({ path, reason: 'unreadable' });
        else if (file?.kind === 'file') found.push({ path, file }); // else it went, or something else took its place
      }));
    }
    const { bounds } = this.asked;
    for (const { path, file } of found.sort((a, b) => a.file.size - b.file.size || (a.path < b.path ? -1 : 1))) {
      const { size } = file;
      if (size > bounds.file) this.leftOut.add({ path, reason: 'tooLarge', size });
      else if (this.#bytes + size > bounds.total) this.leftOut.add({ path, reason: 'tooMuch', size });
      else if (this.#admit({ path, file })) this.#bytes += size;
    }
  }

  #admit(item: Item): boolean {
    const fits = this.items.length < this.asked.bounds.items;
    if (fits) this.items.push(item);
    else this.leftOut.add({ path: item.path, reason: 'tooMany' });
    return fits;
  }
}
