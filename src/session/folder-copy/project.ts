import path from 'node:path';
import { below, type HostFiles } from './host-files';
import { excludedBy, invalidName } from './names';

/** Files in the top folder of a Python project, for projects that are not a Git repository. */
const MARKERS = ['pyproject.toml', 'setup.py', 'requirements.txt', 'environment.yml'];

export interface Project {
  /** The project's top folder. */
  files: HostFiles;
  /** The notebook's folder relative to the top folder; '' is the top folder itself. */
  folder: string;
}

/**
 * The project that a notebook belongs to: its Git repository, else the innermost folder that looks like the top of a project, else the
 * notebook's folder. If the repository's root is above the workspace folder, the project is the workspace folder.
 * @param folder the notebook's folder
 * @param depth number of folders above `folder` up to and including the workspace folder; 0 = none
 * @param mayBeCopied whether a folder may be copied as a whole
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

/**
 * The notebook's folder and the folders above it. The list stops at a folder that is never copied, because the notebook's own folder would
 * be left out together with that folder.
 */
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

/** Whether a folder above is a Git repository. A repository in a folder that may not be copied, such as a home folder, does not count. */
async function isInRepository(files: HostFiles, mayBeCopied: (folder: HostFiles) => boolean): Promise<boolean> {
  for (let above = files.parent(); above !== undefined && mayBeCopied(above); above = above.parent()) {
    if (await isThere(above, '.git')) {
      return true;
    }
  }
  return false;
}

/** Whether a path exists. A path that cannot be read counts as absent. */
const isThere = (files: HostFiles, name: string): Promise<boolean> =>
  files.stat(name).then(
    (seen) => seen !== undefined,
    () => false,
  );

/**
 * The number of folders above a notebook's folder up to and including the workspace folder; 0 if the notebook's folder is the workspace
 * folder or outside of it. Both are real paths.
 */
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
