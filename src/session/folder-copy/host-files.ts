export type EntryKind = 'file' | 'folder' | 'link' | 'special';
export interface HostEntry {
  name: string;
  kind: EntryKind;
}

/** What there was at a path, itself and not what a link leads to. */
export interface HostFileStat {
  kind: EntryKind;
  /** Bytes. */
  size: number;
  /** Milliseconds since 1970. */
  modified: number;
  executable: boolean;
  /** Another one when the file may be another or have other content. */
  version: string;
}

/**
 * A folder of the host and what is below it, read only. Paths are relative to it, with `/`; '' is the folder.
 * No link is followed, and no pipe, socket or device is opened, whatever is put into the place of something that was looked at.
 */
export interface HostFiles {
  /** Its own name; '' of a root. */
  readonly name: string;
  /** The folder above; undefined: there is none. */
  parent(): HostFiles | undefined;
  /** At most so many entries of a folder; not complete: there are more. */
  list(folder: string, maxEntries: number): Promise<{ entries: HostEntry[]; complete: boolean }>;
  /** Undefined: there is nothing. */
  stat(path: string): Promise<HostFileStat | undefined>;
  /** A file's bytes, in pieces of at most 1 MiB. Throws if it is not, or not to its end, the file that was seen. */
  read(path: string, seen: HostFileStat): AsyncIterable<Buffer>;
}

/** Thrown by `read`. */
export class FileChanged extends Error {
  constructor(path: string) {
    super(`${path} is not what it was`);
  }
}

/** The folder that a path is in. */
export const above = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));
export const below = (folder: string, name: string): string => (folder === '' ? name : `${folder}/${name}`);
