import { readFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import * as vscode from 'vscode';
import { SANDBOX_HOME } from '../engine/specification';
import type { Log } from '../log';
import { describe, paragraph, type Surroundings } from '../messages';
import { SandboxError } from '../protocol/errors';
import { boundsOf, type Bounds } from '../session/files/bounds';
import { FolderCopy, type Lack } from '../session/files/folder-copy';
import type { HostFiles } from '../session/files/host-files';
import { NodeFiles } from '../session/files/node-files';
import { reasonForNone, xdgFolders, type Machine } from '../session/files/which-folder';
import type { SandboxSettings } from '../session/settings';
import type { SandboxSession } from '../session/types';
import { fileName } from './cell-metadata';
import { WorkspaceFiles } from './workspace-files';

/** The copy that one sandbox has, and what was said about it. */
interface Copy { session: SandboxSession; memory: number; folder: FolderCopy | undefined; told: boolean }

/** The files beside a notebook, in its sandbox: copied before its first cell and, where they have changed, before later ones. */
export class NotebookFolder {
  #copy: Copy | undefined;
  #last: Promise<void> = Promise.resolve();
  #calledOff = new AbortController();
  #reason: string | undefined;

  constructor(private readonly notebook: vscode.NotebookDocument, private readonly surroundings: Surroundings, private readonly log: Log) {}

  /** Resolves when cells may run, in the order in which it was asked. A copy that fails is told and hinders no cell. */
  bring(session: SandboxSession, settings: SandboxSettings): Promise<void> {
    const { signal } = this.#calledOff;
    return this.#last = this.#last.then(() => this.#bring(session, settings, signal)).catch((error: unknown) => this.log.error(`folder: ${String(error)}`));
  }

  /** The cells that wait for files are called off. */
  callOff(): void {
    this.#calledOff.abort();
    this.#calledOff = new AbortController();
  }

  /** What could not be copied is tried again with the next cell. */
  retry(): void { this.#copy?.folder?.retry(); }

  /** The path, from the notebook's folder, of the file that one of the sandbox is a copy of. */
  beside(path: string): string | undefined {
    const [home] = ['~', SANDBOX_HOME].filter((folder) => path.startsWith(`${folder}/`));
    const inside = home === undefined ? undefined : path.slice(home.length + 1);
    return inside !== undefined && this.#copy?.folder?.has(inside) === true ? inside : undefined;
  }

  async #bring(session: SandboxSession, settings: SandboxSettings, signal: AbortSignal): Promise<void> {
    if (signal.aborted) { return; }
    const reason = await this.#reasonForNone(settings);
    if (reason !== this.#reason && reason !== undefined) { this.log.info(`folder: ${fileName(this.notebook)}: nothing is copied: ${reason}`); }
    this.#reason = reason;
    if (reason !== undefined) { return; }
    const copy = this.#copy?.session === session ? this.#copy : this.#copy = { session, memory: settings.maxMemory, folder: undefined, told: false };
    const bounds = boundsOf(settings.maxMemory, copy.memory);
    try {
      copy.folder ??= new FolderCopy({
        files: await this.#files(), notebook: fileName(this.notebook), log: this.log, put: (files, stop) => session.putFiles(files, stop),
      });
      const lack = await copy.folder.bring(bounds, signal);
      if (lack !== undefined) { this.#tell(copy, asFailure(lack, bounds)); }
    } catch (error) {
      const failure = error instanceof SandboxError ? error : new SandboxError('FilesNotCopied', { reason: String(error) }, { cause: error });
      this.log.warn(`folder: ${failure.message}`);
      if (failure.code !== 'Cancelled' && !['gone', 'disposed'].includes(session.state.kind)) { this.#tell(copy, failure); }
    }
  }

  async #reasonForNone({ files }: SandboxSettings): Promise<string | undefined> {
    const { uri, isUntitled } = this.notebook;
    const folders = [path.posix.dirname(uri.path)];
    let machine: Machine = { platform: 'linux', home: '/root', temporary: '/tmp', userFolders: [] };
    if (uri.scheme === 'file') {
      machine = await thisMachine();
      const folder = path.dirname(uri.fsPath);
      folders.splice(0, 1, folder, await NodeFiles.of(folder).then((real) => real.folder, () => folder));
    }
    return reasonForNone({ setting: files, isTrusted: vscode.workspace.isTrusted, isUntitled, folders }, machine);
  }

  async #files(): Promise<HostFiles> {
    // The provider of VS Code's own scheme follows links; node:fs can refuse to.
    if (this.notebook.uri.scheme === 'file') { return NodeFiles.of(path.dirname(this.notebook.uri.fsPath)); }
    return new WorkspaceFiles(vscode.Uri.joinPath(this.notebook.uri, '..'));
  }

  /** Once a sandbox: what is missing before one cell is missing before the next. */
  #tell(copy: Copy, failure: SandboxError): void {
    if (copy.told) { return; }
    copy.told = true;
    const showLog = vscode.l10n.t('Show Log');
    const settings = vscode.l10n.t('Settings');
    const text = `${fileName(this.notebook)}: ${paragraph(describe(failure, this.surroundings))}`;
    vscode.window.showWarningMessage(text, showLog, settings).then(async (choice) => {
      if (choice === showLog) { await vscode.commands.executeCommand('sandboxedIPython.showLog'); }
      if (choice === settings) { await vscode.commands.executeCommand('workbench.action.openSettings', 'sandboxedIPython.files'); }
    }).then(undefined, (error: unknown) => this.log.error(String(error)));
  }
}

function asFailure({ count, first: { path: name, reason, size } }: Lack, bounds: Bounds): SandboxError {
  const limits: Record<string, number> = { tooLarge: bounds.file, tooMuch: bounds.total, tooMany: bounds.items };
  return new SandboxError('FilesLeftOut', { count, path: name === '' ? '.' : name, reason, size: size ?? 0, limit: limits[reason] ?? 0 });
}

let machine: Promise<Machine> | undefined;
function thisMachine(): Promise<Machine> { return machine ??= readMachine(); }

async function readMachine(): Promise<Machine> {
  const home = homedir();
  const names = path.join(process.env['XDG_CONFIG_HOME'] ?? path.join(home, '.config'), 'user-dirs.dirs');
  const userFolders = xdgFolders(await readFile(names, 'utf8').catch(() => ''), home); // only desktops of Linux have it
  return { platform: process.platform, home, temporary: tmpdir(), userFolders };
}
