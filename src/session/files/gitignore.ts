import ignore, { type Ignore } from 'ignore';
import { MOST_RULES } from './bounds';
import { below, type HostFiles } from './host-files';

const FILE = '.gitignore';
/** Git goes by the file system, which has one case for all names there. */
const IGNORE_CASE = process.platform !== 'linux';

/** The rules of one `.gitignore`. */
interface Layer {
  rules: Ignore;
  /** A path relative to our folder, as this layer sees it. */
  seen: (path: string) => string;
}

/** The `.gitignore`s that hold in a folder, the deepest first. */
export type Layers = readonly Layer[];

/** What `.gitignore` names, as git understands it: nested ones, and those above the folder up to its repository's root. */
export class Gitignore {
  /** Rules remember what they were asked, so they are kept from look to look. */
  #rules = new Map<string, { text: string; rules: Ignore }>();

  constructor(private readonly files: HostFiles) {}

  /** What holds for the folder itself. Throws if a `.gitignore` cannot be read. */
  async above(): Promise<Layers> {
    const layers: Layer[] = [];
    let way = this.files.name;
    for (const [i, folder] of (await this.#upToRepository()).entries()) {
      const prefix = way;
      const rules = await this.#rulesOf(folder, FILE, `${'../'.repeat(i + 1)}${FILE}`);
      if (rules) layers.push({ rules, seen: (path) => (path === '' ? prefix : `${prefix}/${path}`) });
      way = `${folder.name}/${way}`;
    }
    return layers;
  }

  /** What holds in a folder below, its own `.gitignore` included. Throws if that cannot be read. */
  async within(folder: string, layers: Layers): Promise<Layers> {
    const path = below(folder, FILE);
    const rules = await this.#rulesOf(this.files, path, path);
    return rules ? [{ rules, seen: (inner) => (folder === '' ? inner : inner.slice(folder.length + 1)) }, ...layers] : layers;
  }

  names(path: string, isFolder: boolean, layers: Layers): boolean {
    for (const { rules, seen } of layers) {
      const { ignored, unignored } = rules.test(seen(path) + (isFolder ? '/' : ''));
      if (ignored || unignored) return ignored;
    }
    return false;
  }

  /** The folders above, the nearest first, to the one with `.git`. In no repository none of them counts. */
  async #upToRepository(): Promise<HostFiles[]> {
    const above: HostFiles[] = [];
    for (let folder: HostFiles | undefined = this.files; folder !== undefined; folder = folder.parent()) {
      if (folder !== this.files) above.push(folder);
      if (await folder.look('.git')) return above;
    }
    return [];
  }

  async #rulesOf(files: HostFiles, path: string, key: string): Promise<Ignore | undefined> {
    const seen = await files.look(path);
    if (seen?.kind !== 'file') return undefined; // git does not follow a link here either
    if (seen.size > MOST_RULES) throw new Error(`${key} is too long`);
    const pieces: Buffer[] = [];
    for await (const piece of files.read(path, seen)) pieces.push(piece);
    const text = Buffer.concat(pieces).toString('utf8');
    const known = this.#rules.get(key);
    if (known?.text === text) return known.rules;
    const rules = ignore({ ignoreCase: IGNORE_CASE }).add(text);
    this.#rules.set(key, { text, rules });
    return rules;
  }
}
