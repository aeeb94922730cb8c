import { readFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import * as vscode from 'vscode';
import { SANDBOX_HOME } from '../engine/specification';
import type { Log } from '../log';
import { describe, paragraph, type Surroundings } from '../messages';
import { SandboxError } from '../protocol/errors';
import type { ExecuteReply } from '../protocol/messages';
import { LOOK_DEADLINE, boundsOf, type Bounds } from '../session/files/bounds';
import { FolderCopy } from '../session/files/folder-copy';
import type { HostFiles } from '../session/files/host-files';
import type { LeftOut } from '../session/files/left-out';
import { NodeFiles } from '../session/files/node-files';
import { OneLook } from '../session/files/one-look';
import { NONE, reasonForNone, xdgFolders, type Machine, type None } from '../session/files/which-folder';
import type { SandboxSettings } from '../session/settings';
import type { SandboxSession } from '../session/types';
import { showWarning } from '../ui/messages';
import { fileName } from './cell-metadata';
import { WorkspaceFiles } from './workspace-files';

/** The copy that one sandbox has, and what was said about it: a failure's code, and what is not there. */
interface Copy { session: SandboxSession; memory: number; folder: FolderCopy | undefined; told: Set<string> }

/** The files beside a notebook, in its sandbox: copied before its first cell and, where they have changed, before later ones. */
export class NotebookFolder {
  #copy: Copy | undefined;
  #last: Promise<void> = Promise.resolve();
  #calledOff = new AbortController();
  #reason: None | undefined;
  /** Where the folder is: on a drive that does not answer, this may take for ever. */
  readonly #looks = new OneLook();
  /** Reasons that the user knows by now. */
  readonly #toldNone = new Set<None>();

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

  /** The sandbox has no files any more: all are copied anew with the next cell. */
  cleared(): void {
    this.#last = this.#last.then(() => { if (this.#copy !== undefined) { this.#copy.folder = undefined; } });
  }

  /** A cell has ended. Where it asked for a file in vain that was left out, the user is told why: nobody expects it to be missing. */
  missed({ ename, evalue }: ExecuteReply): void {
    if (ename !== 'FileNotFoundError') { return; }
    if (this.#reason !== undefined) {
      this.#tellNone(this.#reason);
      return;
    }
    const name = /'([^']+)'|"([^"]+)"/.exec(evalue)?.slice(1).find((one) => one !== undefined) ?? '';
    const inside = path.posix.relative(SANDBOX_HOME, path.posix.resolve(SANDBOX_HOME, name));
    const leftOut = this.#copy?.folder?.whyNot(inside);
    if (this.#copy !== undefined && leftOut !== undefined && !inside.startsWith('../')) { this.#tellLeftOut(this.#copy, [leftOut], 1); }
  }

  /** The path, from the notebook's folder, of the file that one of the sandbox is a copy of. */
  beside(file: string): string | undefined {
    const [home] = ['~', SANDBOX_HOME].filter((folder) => file.startsWith(`${folder}/`));
    const inside = home === undefined ? undefined : file.slice(home.length + 1);
    return inside !== undefined && this.#copy?.folder?.has(inside) === true ? inside : undefined;
  }

  async #bring(session: SandboxSession, settings: SandboxSettings, signal: AbortSignal): Promise<void> {
    if (signal.aborted) { return; }
    const copyOf = (): Copy => (this.#copy?.session === session ? this.#copy : this.#copy = { session, memory: settings.maxMemory, folder: undefined, told: new Set() });
    const place = await this.#looks.look(() => this.#place(settings), LOOK_DEADLINE);
    if (place === undefined) {
      const failure = new SandboxError('FilesNotCopied', { reason: `the folder cannot be read within ${LOOK_DEADLINE / 1000} s` });
      this.log.warn(`folder: ${failure.message}`);
      this.#tell(copyOf(), failure, [failure.code]);
      return;
    }
    const { reason, files } = place;
    if (reason !== this.#reason && reason !== undefined) { this.log.info(`folder: ${fileName(this.notebook)}: nothing is copied: ${NONE[reason]}`); }
    this.#reason = reason;
    if (reason === 'wide' || reason === 'hidden') { this.#tellNone(reason); } // the others are the user's own doing
    if (reason !== undefined) { return; }
    const copy = copyOf();
    const bounds = boundsOf(settings.maxMemory, copy.memory);
    try {
      copy.folder ??= new FolderCopy({
        files: await files(), notebook: fileName(this.notebook), log: this.log, put: (sent, stop) => session.putFiles(sent, stop),
      });
      const lack = await copy.folder.bring(bounds, signal);
      if (lack !== undefined) { this.#tellLeftOut(copy, copy.folder.missing, lack.count, bounds); }
    } catch (error) {
      const failure = error instanceof SandboxError ? error : new SandboxError('FilesNotCopied', { reason: String(error) }, { cause: error });
      this.log.warn(`folder: ${failure.message}`);
      if (failure.code !== 'Cancelled' && !['gone', 'disposed'].includes(session.state.kind)) { this.#tell(copy, failure, [`${failure.code} ${String(failure.params['reason'])}`]); }
    }
  }

  /** Why nothing is copied, or where the files are. */
  async #place({ files: setting }: SandboxSettings): Promise<{ reason: None | undefined; files: () => Promise<HostFiles> }> {
    const { uri, isUntitled } = this.notebook;
    const ask = (folders: readonly string[], machine: Machine): None | undefined =>
      reasonForNone({ setting, isTrusted: vscode.workspace.isTrusted, isUntitled, folders }, machine);
    if (uri.scheme !== 'file') { // The provider of VS Code's own scheme follows links; node:fs can refuse to.
      const reason = ask([path.posix.dirname(uri.path)], { platform: 'linux', home: '/root', temporary: '/tmp', userFolders: [] });
      return { reason, files: () => Promise.resolve(new WorkspaceFiles(vscode.Uri.joinPath(uri, '..'))) };
    }
    const folder = path.dirname(uri.fsPath);
    const machine = await thisMachine();
    const early = ask([folder], machine); // without a look at the drive that it is on
    if (early !== undefined) { return { reason: early, files: () => NodeFiles.of(folder) }; }
    const real = await NodeFiles.of(folder).catch((error: unknown) => error);
    return real instanceof NodeFiles
      ? { reason: ask([folder, real.folder], machine), files: () => Promise.resolve(real) } : { reason: undefined, files: () => NodeFiles.of(folder) };
  }

  #tellNone(reason: None): void {
    if (this.#toldNone.has(reason)) { return; }
    this.#toldNone.add(reason);
    this.#show(new SandboxError('FilesNotCopied', { problem: reason }), reason === 'setting' ? 'files' : undefined);
  }

  #tellLeftOut(copy: Copy, missing: readonly LeftOut[], count: number, bounds?: Bounds): void {
    const keyOf = ({ path: name, reason }: LeftOut): string => `${reason} ${name}`;
    const first = missing.find((one) => !copy.told.has(keyOf(one)));
    if (first === undefined) { return; }
    const { path: name, reason, size = 0 } = first;
    const limits: Record<string, number | undefined> = { tooLarge: bounds?.file, tooMuch: bounds?.total, tooMany: bounds?.items };
    const failure = new SandboxError('FilesLeftOut', { count, path: name === '' ? '.' : name, reason, size, limit: limits[reason] ?? 0 });
    this.#tell(copy, failure, missing.map(keyOf), ['tooLarge', 'tooMuch', 'full'].includes(reason) ? 'maxMemory' : 'files');
  }

  /** Each once a sandbox: what is missing before one cell is missing before the next. */
  #tell(copy: Copy, failure: SandboxError, what: readonly string[], setting = 'files'): void {
    if (what.every((one) => copy.told.has(one))) { return; }
    for (const one of what) { copy.told.add(one); }
    this.#show(failure, setting);
  }

  /** @param setting that helps, without its prefix */
  #show(failure: SandboxError, setting: string | undefined): void {
    const showLog = vscode.l10n.t('Show Log');
    const settings = vscode.l10n.t('Settings');
    const text = `${fileName(this.notebook)}: ${paragraph(describe(failure, this.surroundings))}`;
    showWarning(text, ...(setting === undefined ? [showLog] : [showLog, settings])).then(async (choice) => {
      if (choice === showLog) { await vscode.commands.executeCommand('sandboxedIPython.showLog'); }
      if (choice === settings) { await vscode.commands.executeCommand('workbench.action.openSettings', `sandboxedIPython.${setting}`); }
    }).then(undefined, (error: unknown) => this.log.error(String(error)));
  }
}

let machine: Promise<Machine> | undefined;
function thisMachine(): Promise<Machine> { return machine ??= readMachine(); }

async function readMachine(): Promise<Machine> {
  const home = homedir();
  const names = path.join(process.env['XDG_CONFIG_HOME'] ?? path.join(home, '.config'), 'user-dirs.dirs');
  const userFolders = xdgFolders(await readFile(names, 'utf8').catch(() => ''), home); // only desktops of Linux have it
  return { platform: process.platform, home, temporary: tmpdir(), userFolders };
}
