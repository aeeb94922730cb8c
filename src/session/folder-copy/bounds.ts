const MB = 2 ** 20;

/** How much of a folder is copied into a sandbox. Files in a sandbox count as its memory, so the bounds grow with the memory. */
export interface Bounds {
  /** Files and folders. */
  maxItems: number;
  /** Size of one file. */
  maxFileBytes: number;
  /** Size of all files together. */
  maxTotalBytes: number;
}

/**
 * The bounds for a sandbox: an eighth of its memory, at most 512 MB.
 * @param memory current memory limit in bytes, from the setting `maxMemory`
 * @param first memory limit at the creation of the sandbox: half of it is the fixed size of `/sandbox`, and half of `/sandbox` stays free
 * for the cells
 */
export function boundsOf(memory: number, first = memory): Bounds {
  const total = Math.min(512 * MB, Math.floor(memory / 8), Math.floor(first / 4));
  return { maxItems: 2_000, maxFileBytes: Math.floor(total / 2), maxTotalBytes: total };
}

/** Maximum number of folder entries that are examined, including those that are left out. */
export const MAX_ENTRIES = 20_000;
/** Deadline for reading the folder, for the sake of network drives and sleeping disks. */
export const FOLDER_READ_DEADLINE_MS = 5_000;
/** After the folder was read too slowly, it is not read again for this time, so that cells do not wait for it each time. */
export const PAUSE_AFTER_SLOW_READ_MS = 60_000;
/** Maximum size of a `.gitignore`. A folder whose `.gitignore` is larger is left out. */
export const MAX_GITIGNORE_BYTES = 256 * 1024;
/** Maximum length of a name and of a path, which every sandbox's file system supports. */
export const MAX_NAME_BYTES = 255;
export const MAX_PATH_BYTES = 1_024;
