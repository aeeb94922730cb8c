import path from 'node:path';
import { below, type HostFiles } from './host-files';
import { excludedBy, invalidName } from './names';

/** What a project of Python's has at its top, where it is no Git repository. */
const MARKERS = ['pyproject.toml', 'setup.py', 'requirements.txt', 'environment.yml'];

export interface Project {
  /** Its top. */
  files: HostFiles;
  /** The notebook's folder, relative to that; '' is the top. */
  folder: string;
}

/**
 * The project that a notebook is part of: its Git repository, else the innermost folder that looks like the top of one, else the notebook's
 * folder. Of a repository that begins above the workspace folder it is that folder.
 * @param folder the notebook's
 * @param depth how many folders above that one are in the workspace folder, with the workspace folder; 0: none
 * @param mayBeCopied whether nothing forbids to copy a folder as a whole
 */
export async function projectOf(
  folder: HostFiles,
  depth: number,
  mayBeCopied: (folder: HostFiles) => boolean,
): Promise<Project> {
  const own: Project = { files: folder, folder: '' };
  const candidates = candidatesFor(own, depth, mayBeCopied);
  const isAt = async ({ files }: Project, names: readonly string[]): Promise<boolean> =>
    (await Promise.all(names.map((name) => isThere(files, name)))).includes(true);
  for (const candidate of candidates) {
    if (await isAt(candidate, ['.git'])) {
      return candidate;
    }
  }
  const widest = candidates.at(-1) ?? own;
  if (candidates.length === depth + 1 && (await isInRepository(widest.files, mayBeCopied))) {
    return widest;
  }
  for (const candidate of candidates) {
    if (await isAt(candidate, MARKERS)) {
      return candidate;
    }
  }
  return own;
}

/** The notebook's folder and those above it. None lies behind a folder that is never copied: with it, the notebook's own would be left out. */
function candidatesFor(own: Project, depth: number, mayBeCopied: (folder: HostFiles) => boolean): Project[] {
  const candidates = [own];
  for (let last = own; candidates.length <= depth;) {
    const files = last.files.parent();
    const folder = below(last.files.name, last.folder).replace(/\/$/, '');
    if (
      files === undefined ||
      excludedBy(last.files.name, 'folder') !== undefined ||
      invalidName(last.files.name) !== undefined ||
      invalidName(folder) !== undefined ||
      !mayBeCopied(files)
    ) {
      break;
    }
    last = { files, folder };
    candidates.push(last);
  }
  return candidates;
}

/** Whether a folder above is a repository, and not one of much else too, such as a home. */
async function isInRepository(files: HostFiles, mayBeCopied: (folder: HostFiles) => boolean): Promise<boolean> {
  for (let above = files.parent(); above !== undefined && mayBeCopied(above); above = above.parent()) {
    if (await isThere(above, '.git')) {
      return true;
    }
  }
  return false;
}

/** What cannot be looked at is not there. */
const isThere = (files: HostFiles, name: string): Promise<boolean> =>
  files.stat(name).then(
    (seen) => seen !== undefined,
    () => false,
  );

/** How many folders above a notebook's are in the workspace folder, with that one; 0: the notebook is in it or outside of it. Both are real paths. */
export function depthIn(
  workspace: string,
  folder: string,
  paths: Pick<path.PlatformPath, 'relative' | 'sep' | 'isAbsolute'> = path,
): number {
  const inside = paths.relative(workspace, folder);
  return inside === '' || inside === '..' || inside.startsWith(`..${paths.sep}`) || paths.isAbsolute(inside)
    ? 0
    : inside.split(paths.sep).length;
}
