const MB = 2 ** 20;

/** How much of a folder comes into a sandbox. Its files count as its memory, so the bounds grow with that. */
export interface Bounds {
  /** Files and folders. */
  maxItems: number;
  /** Bytes of one file. */
  maxFileBytes: number;
  /** Bytes of all files. */
  maxTotalBytes: number;
}

/**
 * An eighth of the memory, at most 512 MB.
 * @param memory bytes, setting `maxMemory` now
 * @param first what it was when the sandbox was made: `/sandbox` has half of that for good, and half of `/sandbox` is the cells'
 */
export function boundsOf(memory: number, first = memory): Bounds {
  const total = Math.min(512 * MB, Math.floor(memory / 8), Math.floor(first / 4));
  return { maxItems: 2_000, maxFileBytes: Math.floor(total / 2), maxTotalBytes: total };
}

/** Entries of folders that are looked at, left out or not. */
export const MAX_ENTRIES = 20_000;
/** Milliseconds for a look at the folder: network drives and sleeping disks. */
export const LOOK_DEADLINE_MS = 5_000;
/** Milliseconds without a look, after one that took longer: a cell must not wait so long each time. */
export const PAUSE_AFTER_LATE_LOOK_MS = 60_000;
/** Bytes of a `.gitignore` that are read; a longer one governs a folder that is left out. */
export const MAX_GITIGNORE_BYTES = 256 * 1024;
/** Bytes of a name and of a path that every sandbox's file system takes. */
export const MAX_NAME_BYTES = 255;
export const MAX_PATH_BYTES = 1_024;
