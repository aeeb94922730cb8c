import { MAX_GITIGNORE_BYTES } from './bounds';
import { GitignoreRules, MAX_MATCH_STEPS } from './gitignore-rules';
import { below, type HostFiles } from './host-files';

const FILE_NAME = '.gitignore';
/** Git follows the file system, which ignores case on macOS and Windows. */
const IGNORE_CASE = process.platform !== 'linux';

/** The rules of one `.gitignore`. */
interface GitignoreLayer {
  rules: GitignoreRules;
  /** Translates a path relative to the copied folder into one relative to the folder of this `.gitignore`. */
  seen: (path: string) => string;
}

/** The `.gitignore`s that apply in a folder, the deepest first. */
export type GitignoreLayers = readonly GitignoreLayer[];

/** Tells what git ignores: by nested `.gitignore` files, and by those above the folder up to the root of its repository. */
export class Gitignore {
  /** Parsed rules, kept for the next time that the folder is read. */
  #rules = new Map<string, { content: Buffer; rules: GitignoreRules }>();

  constructor(private readonly files: HostFiles) {}

  /** The layers from above the folder. Throws if a `.gitignore` cannot be read. */
  async layersAbove(): Promise<GitignoreLayers> {
    const layers: GitignoreLayer[] = [];
    let way = this.files.name;
    for (const [i, folder] of (await this.#upToRepository()).entries()) {
      const prefix = way;
      const rules = await this.#rulesOf(folder, FILE_NAME, `${'../'.repeat(i + 1)}${FILE_NAME}`);
      if (rules) {
        layers.push({ rules, seen: (path) => (path === '' ? prefix : `${prefix}/${path}`) });
      }
      way = `${folder.name}/${way}`;
    }
    return layers;
  }

  /** The layers in a subfolder, including its own `.gitignore`. Throws if that cannot be read. */
  async layersWithin(folder: string, layers: GitignoreLayers): Promise<GitignoreLayers> {
    const path = below(folder, FILE_NAME);
    const rules = await this.#rulesOf(this.files, path, path);
    return rules
      ? [{ rules, seen: (inner) => (folder === '' ? inner : inner.slice(folder.length + 1)) }, ...layers]
      : layers;
  }

  /**
   * Whether the layers ignore a path in our folder. The folders that contain it must not be ignored themselves.
   * @throws TooCostly
   */
  ignores(path: string, isFolder: boolean, layers: GitignoreLayers): boolean {
    const steps = { left: MAX_MATCH_STEPS };
    for (const { rules, seen } of layers) {
      const ignored = rules.ignores(seen(path), isFolder, steps);
      if (ignored !== undefined) {
        return ignored;
      }
    }
    return false;
  }

  /**
   * Whether the layers from above ignore our folder or a folder that contains it. The rules inside the folder then have no effect.
   * @throws TooCostly
   */
  ignoresWholeFolder(layers: GitignoreLayers): boolean {
    const steps = { left: MAX_MATCH_STEPS };
    const fromRoot = layers.at(-1)?.seen('').split('/') ?? [];
    for (let depth = 1; depth <= fromRoot.length; depth += 1) {
      // no rule can name the root of its own repository
      const above = fromRoot.slice(0, depth).join('/');
      for (const { rules, seen } of layers) {
        const own = fromRoot.slice(0, fromRoot.length - seen('').split('/').length).join('/');
        if (own !== '' && !above.startsWith(`${own}/`)) {
          continue;
        } // this `.gitignore` is in the folder itself or deeper
        const ignored = rules.ignores(own === '' ? above : above.slice(own.length + 1), true, steps);
        if (ignored === true) {
          return true;
        }
        if (ignored === false) {
          break;
        }
      }
    }
    return false;
  }

  /** The folders above, the nearest first, up to the one with `.git`. Empty if the folder is in no repository. */
  async #upToRepository(): Promise<HostFiles[]> {
    const above: HostFiles[] = [];
    for (let folder: HostFiles | undefined = this.files; folder !== undefined; folder = folder.parent()) {
      if (folder !== this.files) {
        above.push(folder);
      }
      if (await folder.stat('.git')) {
        return above;
      }
    }
    return [];
  }

  async #rulesOf(files: HostFiles, path: string, key: string): Promise<GitignoreRules | undefined> {
    const seen = await files.stat(path);
    if (seen?.kind !== 'file') {
      return undefined;
    } // git does not follow a link here either
    if (seen.size > MAX_GITIGNORE_BYTES) {
      throw new Error(`${key} is too long`);
    }
    const pieces: Buffer[] = [];
    for await (const piece of files.read(path, seen)) {
      pieces.push(piece);
    }
    const content = Buffer.concat(pieces);
    const known = this.#rules.get(key);
    if (known?.content.equals(content) === true) {
      return known.rules;
    }
    const rules = new GitignoreRules(content, IGNORE_CASE);
    this.#rules.set(key, { content, rules });
    return rules;
  }
}
