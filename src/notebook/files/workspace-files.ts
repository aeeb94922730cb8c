import * as vscode from 'vscode';
import {
  FileChanged,
  type EntryKind,
  type HostEntry,
  type HostFiles,
  type HostFileStat,
} from '../../session/folder-copy/host-files';

const CHUNK_BYTES = 1024 * 1024;

/** Files of any file system that VS Code knows, such as remote repositories and the schemes of other extensions. */
export class WorkspaceFiles implements HostFiles {
  constructor(readonly folder: vscode.Uri) {}

  get name(): string {
    return this.folder.path.slice(this.folder.path.lastIndexOf('/') + 1);
  }

  parent(): WorkspaceFiles | undefined {
    const above = vscode.Uri.joinPath(this.folder, '..');
    return above.path === this.folder.path ? undefined : new WorkspaceFiles(above);
  }

  async list(folder: string, most: number): Promise<{ entries: HostEntry[]; complete: boolean }> {
    const found = await vscode.workspace.fs.readDirectory(this.#at(folder));
    return {
      entries: found.slice(0, most).map(([name, type]) => ({ name, kind: kindOf(type) })),
      complete: found.length <= most,
    };
  }

  async stat(path: string): Promise<HostFileStat | undefined> {
    try {
      const { type, size, mtime, ctime } = await vscode.workspace.fs.stat(this.#at(path));
      return { kind: kindOf(type), size, modified: mtime, executable: false, version: [size, mtime, ctime].join(':') };
    } catch (error) {
      if (
        error instanceof vscode.FileSystemError &&
        (error.code === 'FileNotFound' || error.code === 'FileNotADirectory')
      ) {
        return undefined;
      }
      throw error;
    }
  }

  async *read(path: string, seen: HostFileStat): AsyncGenerator<Buffer> {
    const now = await this.stat(path);
    if (now?.kind !== 'file' || now.version !== seen.version) {
      throw new FileChanged(path);
    }
    const content = await vscode.workspace.fs.readFile(this.#at(path));
    if (content.byteLength !== seen.size) {
      throw new FileChanged(path);
    }
    for (let at = 0; at < content.byteLength; at += CHUNK_BYTES) {
      yield Buffer.from(content.subarray(at, at + CHUNK_BYTES));
    }
  }

  #at(path: string): vscode.Uri {
    return path === '' ? this.folder : vscode.Uri.joinPath(this.folder, ...path.split('/'));
  }
}

/** VS Code reports a link as the link's type combined with its target's type. */
function kindOf(type: vscode.FileType): EntryKind {
  if ((type & vscode.FileType.SymbolicLink) !== 0) {
    return 'link';
  }
  if (type === vscode.FileType.File) {
    return 'file';
  }
  return type === vscode.FileType.Directory ? 'folder' : 'special';
}
