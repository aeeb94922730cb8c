import { readFile, readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { pack } from 'tar-stream';

export interface RunnerFile {
  /** Relative path, with `/`. */
  path: string;
  content: Buffer;
}

/** Reads every Python file below a folder, sorted by path. Throws if the folder does not exist, which is a bug of the extension. */
export async function readRunner(folder: string): Promise<RunnerFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.py'))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .filter((path) => !path.split('/').some((part) => part === 'tests' || part === '__pycache__'))
    .sort();
  return Promise.all(paths.map(async (path) => ({ path, content: await readFile(join(folder, path)) })));
}

/** A tar archive of files that belong to root and that everyone may read. */
export function tarOf(files: readonly RunnerFile[]): AsyncIterable<Buffer> {
  const archive = pack();
  const folders = new Set(
    files.flatMap(({ path }) =>
      path
        .split('/')
        .slice(0, -1)
        .map((_, i, parts) => parts.slice(0, i + 1).join('/')),
    ),
  );
  for (const name of [...folders].sort()) {
    archive.entry({ name, type: 'directory', mode: 0o755, uid: 0, gid: 0 });
  }
  for (const { path, content } of files) {
    archive.entry({ name: path, mode: 0o644, uid: 0, gid: 0 }, content);
  }
  archive.finalize();
  return archive as unknown as AsyncIterable<Buffer>;
}
