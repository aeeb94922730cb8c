import path from 'node:path';
import type { FilesSetting } from '../settings';

/** The home, temporary and user folders of a computer. */
export interface HostFolders {
  platform: NodeJS.Platform;
  home: string;
  temporary: string;
  /** Folders that the desktop has for the user (downloads, documents …), in whatever language they are named. */
  userFolders: readonly string[];
}

export interface NotebookLocation {
  setting: FilesSetting;
  /** Whether the workspace is trusted, that is, VS Code is not in Restricted Mode. */
  isTrusted: boolean;
  isUntitled: boolean;
  /**
   * The notebook's folder, both as it was opened and as its real path. Absolute paths on the computer; on another file system they are
   * separated by `/`.
   */
  folders: readonly string[];
}

/** Reasons why nothing is copied, with their texts for the log. `src/messages/files.ts` has the messages for users. */
export const NO_COPY_REASONS = {
  setting: 'the setting sandboxedIPython.files is "none"',
  untrusted: 'the workspace is not trusted',
  untitled: 'the notebook has no file yet',
  wide: 'a home, a root or another wide folder is never copied: move the notebook into a folder of its own',
  hidden: 'it is a hidden folder, or one with keys',
} as const;
export type NoCopyReason = keyof typeof NO_COPY_REASONS;

/** Why nothing is copied; undefined if the folder may be copied. */
export function reasonNotToCopy(
  { setting, isTrusted, isUntitled, folders }: NotebookLocation,
  machine: HostFolders,
): NoCopyReason | undefined {
  if (setting === 'none') {
    return 'setting';
  }
  if (!isTrusted) {
    return 'untrusted';
  }
  if (isUntitled) {
    return 'untitled';
  }
  if (folders.some((folder) => isWide(folder, machine))) {
    return 'wide';
  }
  if (folders.some((folder) => isHidden(folder, machine))) {
    return 'hidden';
  }
  return undefined;
}

/** Whether a folder is never copied as a whole. @param folder real path */
export const isForbidden = (folder: string, machine: HostFolders): boolean =>
  isWide(folder, machine) || isHidden(folder, machine);

/** System folders directly below a root. */
const SYSTEM = new Set([
  'applications',
  'bin',
  'boot',
  'dev',
  'etc',
  'home',
  'lib',
  'lib32',
  'lib64',
  'library',
  'media',
  'mnt',
  'opt',
  'private',
  'proc',
  'program files',
  'program files (x86)',
  'programdata',
  'root',
  'run',
  'sbin',
  'snap',
  'srv',
  'sys',
  'system',
  'tmp',
  'usr',
  'users',
  'var',
  'volumes',
  'windows',
  'winnt',
  'temp',
]);
/** System folders that contain no files of users. */
const NO_FILES = new Set(['boot', 'dev', 'etc', 'proc', 'sys']);
/** User folders directly below a home. */
const PERSONAL = new Set([
  'desktop',
  'documents',
  'downloads',
  'movies',
  'music',
  'pictures',
  'public',
  'templates',
  'videos',
  'library',
  'appdata',
  'applications',
  'my documents',
  'dropbox',
  'google drive',
  'icloud drive',
  'nextcloud',
  'onedrive',
  'snap',
]);
const HOMES = new Set(['home', 'users']);
const MOUNTS = new Set(['media', 'mnt', 'volumes']);
/** Folders with keys and accounts, at any depth. */
const SECRET = new Set([
  '.ssh',
  '.gnupg',
  '.aws',
  '.azure',
  '.config',
  '.docker',
  '.git',
  '.kube',
  '.mozilla',
  '.password-store',
  '.thunderbird',
]);

/**
 * Whether a folder is so wide that much of it has nothing to do with the notebook: a root, a home, a folder that contains homes, or a
 * user folder such as the downloads.
 */
function isWide(folder: string, machine: HostFolders): boolean {
  const at = partsOf(folder, machine);
  const home = partsOf(machine.home, machine);
  if (
    isAt(home, at) ||
    startsWith(home, at) ||
    [machine.temporary, ...machine.userFolders].some((one) => isAt(partsOf(one, machine), at))
  ) {
    return true;
  }
  if (startsWith(at, home) && isPersonal(at.slice(home.length))) {
    return true;
  }
  return isWideAnywhere(at.slice(1)) || (isDriveOfWindows(at) && isWideAnywhere(at.slice(3)));
}

/** Whether a folder is wide by its path alone, for homes of other users and for other computers. @param parts names below the root */
function isWideAnywhere(parts: readonly string[]): boolean {
  const [first = '', second = '', ...rest] = parts;
  if (parts.length === 0 || NO_FILES.has(first) || (parts.length === 1 && SYSTEM.has(first))) {
    return true;
  }
  if (HOMES.has(first)) {
    return parts.length <= 2 || isPersonal(rest);
  }
  if (MOUNTS.has(first)) {
    return parts.length === 2 || (first === 'media' && parts.length === 3);
  }
  if (first === 'root') {
    return isPersonal(parts.slice(1));
  }
  return (
    (first === 'run' && second === 'media' && parts.length <= 4) ||
    ((first === 'var' || first === 'private') && parts.length <= 3 && parts.at(-1) === 'tmp')
  );
}

/** Whether names below a home are a user folder. A company's OneDrive has the company's name in it: "OneDrive - Ada Ltd". */
function isPersonal([first = '', second = '', ...more]: readonly string[]): boolean {
  if (more.length > 0 || first === '') {
    return false;
  }
  const isCloud = first.startsWith('onedrive') || first === 'dropbox' || first === 'icloud drive';
  return second === '' ? PERSONAL.has(first) || isCloud : isCloud && PERSONAL.has(second);
}

const isHidden = (folder: string, machine: HostFolders): boolean => {
  const parts = partsOf(folder, machine);
  return parts.at(-1)?.startsWith('.') === true || parts.some((part) => SECRET.has(part));
};

/** The root and the names of a path in lower case, because names that differ only in case are treated alike. */
function partsOf(folder: string, { platform }: HostFolders): string[] {
  const paths = platform === 'win32' ? path.win32 : path.posix;
  const clean = paths.normalize(folder).toLowerCase();
  const { root } = paths.parse(clean);
  return [root, ...clean.slice(root.length).split(paths.sep).filter(Boolean)];
}

const startsWith = (longer: readonly string[], shorter: readonly string[]): boolean =>
  longer.length > shorter.length && shorter.every((part, i) => part === longer[i]);
const isAt = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((part, i) => part === b[i]);
/** Whether a path is on a Windows drive, as WSL mounts it. */
const isDriveOfWindows = ([, mnt, drive = '']: readonly string[]): boolean => mnt === 'mnt' && /^[a-z]$/.test(drive);

/** The user folders that a Linux desktop lists in `user-dirs.dirs`; their names are in the user's language. */
export const xdgFolders = (text: string, home: string): string[] =>
  [...text.matchAll(/^\s*XDG_\w+_DIR="(\$HOME)?(\/[^"\n]*)"/gm)].map(([, inHome, folder = '']) =>
    inHome === undefined ? folder : home + folder,
  );
