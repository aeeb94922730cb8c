import { MAX_NAME_BYTES } from './bounds';

/** Where a notebook is in its sandbox, by paths below the sandbox's home. */
export interface Place {
  /** Its folder, in which its cells run. */
  folder: string;
  /** The folder with the copy of the user's project; '' = nothing was copied. */
  project: string;
}

/** What a folder is called in the sandbox that has no name of its own there. */
const FALLBACK_NAME = 'notebook';

/** The name that a folder of the host has in a sandbox's home: its own, as far as that is harmless, and none of the sandbox's, which begin with a dot. */
export function nameInHome(name: string): string {
  const plain = name
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Surrogate}\uFFFD/\\]/gu, '_')
    .trim()
    .replace(/^\.+/, (dots) => '_'.repeat(dots.length));
  let short = [...plain].slice(0, MAX_NAME_BYTES).join('');
  while (Buffer.byteLength(short) > MAX_NAME_BYTES) {
    short = [...short].slice(0, -1).join('');
  }
  return short === '' ? FALLBACK_NAME : short;
}
