import { MAX_NAME_BYTES } from './bounds';

/** The location of a notebook in its sandbox. Paths are relative to the sandbox's home. */
export interface Place {
  /** The notebook's folder, in which its cells run. */
  folder: string;
  /** The folder with the copy of the user's project; '' if nothing was copied. */
  project: string;
}

/** Name in the sandbox for a folder whose own name has no usable characters. */
const FALLBACK_NAME = 'notebook';

/**
 * The name that a folder of the host gets in a sandbox's home: its own name with harmful characters replaced. It never starts with a dot,
 * because the sandbox's own folders do.
 */
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
