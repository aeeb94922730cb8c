import type { SandboxFile } from '../engine/engine';
import { SandboxError } from '../protocol/errors';

const MAX_PIECE_BYTES = 1024 * 1024;
const MAX_PATH_BYTES = 4_000;
const MAX_NAME_BYTES = 255;

/**
 * A file in memory as an engine copies it into a sandbox.
 * @param path relative to the sandbox's home, with `/` between names
 * @throws SandboxError `SettingInvalid` for a path that no file in the home can have
 */
export function sandboxFileOf(path: string, content: string | Uint8Array): SandboxFile {
  if (Buffer.byteLength(path) > MAX_PATH_BYTES || !path.split('/').every(isName)) {
    throw new SandboxError('SettingInvalid', {
      setting: 'files',
      value: path.slice(0, 80),
      allowed: 'a relative path with / between names, without . and ..',
    });
  }
  const bytes = Buffer.from(content);
  return { path, size: bytes.length, modified: Date.now(), executable: false, content: () => pieces(bytes) };
}

const isName = (name: string): boolean =>
  name !== '' && name !== '.' && name !== '..' && !name.includes('\0') && Buffer.byteLength(name) <= MAX_NAME_BYTES;

// eslint-disable-next-line @typescript-eslint/require-await -- an engine reads files asynchronously
async function* pieces(bytes: Buffer): AsyncIterable<Buffer> {
  for (let at = 0; at < bytes.length; at += MAX_PIECE_BYTES) {
    yield bytes.subarray(at, at + MAX_PIECE_BYTES);
  }
}
