import { readFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import * as vscode from 'vscode';
import type { HostFiles } from '../../session/folder-copy/host-files';
import { NodeFiles } from '../../session/folder-copy/node-files';
import { depthIn, projectOf, type Project } from '../../session/folder-copy/project';
import {
  isForbidden,
  reasonNotToCopy,
  xdgFolders,
  type HostFolders,
  type NoCopyReason,
} from '../../session/folder-copy/allowed-folder';
import type { FilesSetting } from '../../session/settings';
import { WorkspaceFiles } from './workspace-files';

/**
 * The files of this computer that a notebook's sandbox gets: either none, for a reason, or the notebook's project. The
 * project may be on a drive that does not answer.
 */
export interface Origin {
  reason: NoCopyReason | undefined;
  project: () => Promise<Project>;
}

/**
 * @param copied the value of the setting `files` by which the sandbox's folders are laid out; `setting` is its current
 * value
 */
export async function originOf(
  notebook: vscode.NotebookDocument,
  { setting, copied }: { setting: FilesSetting; copied: FilesSetting },
): Promise<Origin> {
  const { uri, isUntitled } = notebook;
  const ask = (folders: readonly string[], machine: HostFolders): NoCopyReason | undefined =>
    reasonNotToCopy({ setting, isTrusted: vscode.workspace.isTrusted, isUntitled, folders }, machine);
  const workspace = copied === 'folder' ? undefined : vscode.workspace.getWorkspaceFolder(uri)?.uri;
  if (uri.scheme !== 'file') {
    // The provider of VS Code's own scheme follows links. With `node:fs` they can be refused.
    const folder = path.posix.dirname(uri.path);
    return {
      reason: ask([folder], ELSEWHERE),
      project: () =>
        projectOf(
          new WorkspaceFiles(vscode.Uri.joinPath(uri, '..')),
          workspace === undefined ? 0 : depthIn(workspace.path, folder, path.posix),
          (one) => !isForbidden(pathOf(one), ELSEWHERE),
        ),
    };
  }
  const folder = path.dirname(uri.fsPath);
  const machine = await thisMachine();
  const early = ask([folder], machine); // this does not access the drive
  const real = early === undefined ? await NodeFiles.of(folder).catch((error: unknown) => error) : undefined;
  return {
    reason: early ?? (real instanceof NodeFiles ? ask([folder, real.folder], machine) : undefined),
    project: async () => {
      const files = real instanceof NodeFiles ? real : await NodeFiles.of(folder);
      const top = workspace === undefined ? undefined : await NodeFiles.of(workspace.fsPath).catch(() => undefined);
      return projectOf(
        files,
        top === undefined ? 0 : depthIn(top.folder, files.folder),
        (one) => !isForbidden(pathOf(one), machine),
      );
    },
  };
}

/** The name of a notebook's folder, found without accessing it; '' if the notebook has no folder yet. */
export const folderName = ({ uri, isUntitled }: vscode.NotebookDocument): string =>
  isUntitled ? '' : path.posix.basename(path.posix.dirname(uri.path));

const pathOf = (files: HostFiles): string =>
  files instanceof NodeFiles ? files.folder : files instanceof WorkspaceFiles ? files.folder.path : '';

/** Stands for another computer, or for no computer at all. */
const ELSEWHERE: HostFolders = { platform: 'linux', home: '/root', temporary: '/tmp', userFolders: [] };

let machine: Promise<HostFolders> | undefined;
function thisMachine(): Promise<HostFolders> {
  return (machine ??= readMachine());
}

async function readMachine(): Promise<HostFolders> {
  const home = homedir();
  const names = path.join(process.env['XDG_CONFIG_HOME'] ?? path.join(home, '.config'), 'user-dirs.dirs');
  // Only Linux desktops have this file.
  const userFolders = xdgFolders(await readFile(names, 'utf8').catch(() => ''), home);
  return { platform: process.platform, home, temporary: tmpdir(), userFolders };
}
