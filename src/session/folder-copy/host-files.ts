export type EntryKind = 'file' | 'folder' | 'link' | 'special';
export interface HostEntry {
  name: string;
  kind: EntryKind;
}

/** The state of a path. For a link it is the state of the link itself. */
export interface HostFileStat {
  kind: EntryKind;
  /** Bytes. */
  size: number;
  /** Milliseconds since 1970. */
  modified: number;
  executable: boolean;
  /** Changes whenever the path may have become another file or its content may have changed. */
  version: string;
}

/**
 * Read access to a folder of the host and everything below it. Paths are relative to the folder, with `/`; '' is the folder itself.
 * No link is followed, and no pipe, socket or device is opened, even if one replaces a file after {@link stat}.
 */
export interface HostFiles {
  /** The folder's own name; '' for a root. */
  readonly name: string;
  /** The folder above; undefined for a root. */
  parent(): HostFiles | undefined;
  /** Lists at most `maxEntries` entries of a folder. `complete` is false if there are more. */
  list(folder: string, maxEntries: number): Promise<{ entries: HostEntry[]; complete: boolean }>;
  /** The state of a path; undefined if nothing is there. */
  stat(path: string): Promise<HostFileStat | undefined>;
  /** The bytes of a file in pieces of at most 1 MiB. Throws if the file is not the one that `seen` describes, or changes meanwhile. */
  read(path: string, seen: HostFileStat): AsyncIterable<Buffer>;
}

/** Thrown by `read` if the file has changed since {@link HostFiles.stat}. */
export class FileChanged extends Error {
  constructor(path: string) {
    super(`${path} is not what it was`);
  }
}

/** The folder that contains a path. */
export const above = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));
export const below = (folder: string, name: string): string => (folder === '' ? name : `${folder}/${name}`);
