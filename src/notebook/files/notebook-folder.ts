import path from 'node:path';
import * as vscode from 'vscode';
import { SANDBOX_HOME } from '../../engine/specification';
import type { Log } from '../../log';
import { describe, paragraph, type MessageContext } from '../../messages';
import { SandboxError } from '../../protocol/errors';
import type { ExecuteReply } from '../../protocol/messages';
import { FOLDER_READ_DEADLINE_MS, boundsOf, type Bounds } from '../../session/folder-copy/bounds';
import { FolderCopier } from '../../session/folder-copy/folder-copier';
import { below } from '../../session/folder-copy/host-files';
import type { LeftOut } from '../../session/folder-copy/left-out';
import { OneAtATime } from '../../session/folder-copy/one-at-a-time';
import { nameInHome, type Place } from '../../session/folder-copy/place';
import type { Project } from '../../session/folder-copy/project';
import { NO_COPY_REASONS, type NoCopyReason } from '../../session/folder-copy/allowed-folder';
import type { FilesSetting, SandboxSettings } from '../../session/settings';
import type { SandboxSession } from '../../session/types';
import { showWarning } from '../../ui/messages';
import { fileName } from '../cell-metadata';
import { folderName, originOf } from './notebook-origin';

/** The copy of a project in one sandbox. */
interface ProjectCopy {
  files: FolderCopier;
  /** The notebook's folder, relative to the project. */
  folder: string;
  place: Place;
}

/** The copy in one sandbox, and what was reported about it: the codes of failures, and the files that are missing. */
interface SandboxCopy {
  session: SandboxSession;
  memory: number;
  /** The bounds of the last look at the folder. */
  bounds: Bounds | undefined;
  project: ProjectCopy | undefined;
  reported: Set<string>;
  /** Files that a message has already named. */
  reportedNames: Set<string>;
}

/** Most bytes of files that are copied for a notebook in which possibly no cell ever runs. */
const MAX_EARLY_COPY_BYTES = 16 * 2 ** 20;

interface CopyOptions {
  /** If the files have more bytes than this, nothing is copied. */
  maxBytes?: number;
  /** A failure only goes to the log. The first cell tries again and reports it. */
  isSilent?: boolean;
}

/**
 * Copies the files of a notebook's project into its sandbox: while the sandbox starts and, if they have changed,
 * before each cell.
 */
export class NotebookFolder {
  #copy: SandboxCopy | undefined;
  #last: Promise<unknown> = Promise.resolve();
  #cancellation = new AbortController();
  #reason: NoCopyReason | undefined;
  /** Finds the project. This may never end if the project is on a drive that does not answer. */
  readonly #looks = new OneAtATime();
  /** Reasons that the user has been told. */
  readonly #reportedReasons = new Set<NoCopyReason>();

  constructor(
    private readonly notebook: vscode.NotebookDocument,
    private readonly messageContext: MessageContext,
    private readonly log: Log,
  ) {}

  /**
   * Resolves when cells may run, in the order of the calls. If the copy fails, the user is told, and the cells run
   * without it.
   * @param copied the setting `files` by which the sandbox's folders are laid out
   * @returns where the notebook is in the sandbox
   */
  copyFiles(session: SandboxSession, settings: SandboxSettings, copied: FilesSetting): Promise<Place> {
    const { signal } = this.#cancellation;
    const brought = this.#last
      .then(() => this.#copyFiles(session, settings, copied, signal))
      .catch((error: unknown) => this.log.error(`folder: ${String(error)}`))
      .then(() => this.#place);
    this.#last = brought;
    return brought;
  }

  /**
   * Begins to copy files into a sandbox that is being started, so that the first {@link copyFiles} has little left to do.
   * @param how `isForCell`: a cell or another request of the user waits for the files
   */
  copyEarly(session: SandboxSession, settings: SandboxSettings, { isForCell }: { isForCell: boolean }): void {
    const { signal } = this.#cancellation;
    this.#last = this.#last
      .then(() =>
        this.#copyFiles(session, settings, settings.files, signal, {
          isSilent: true,
          ...(isForCell ? {} : { maxBytes: MAX_EARLY_COPY_BYTES }),
        }),
      )
      .catch((error: unknown) => this.log.error(`folder: ${String(error)}`));
  }

  /** Cancels the copies for which cells wait. */
  cancel(): void {
    this.#cancellation.abort();
    this.#cancellation = new AbortController();
  }

  /** Files that could not be copied are tried again with the next cell. */
  retry(): void {
    this.#copy?.project?.files.retry();
  }

  /** The files in the sandbox were deleted. The next cell copies all of them again. */
  filesDeleted(): void {
    this.#last = this.#last.then(() => {
      if (this.#copy !== undefined) {
        this.#copy.project = undefined;
      }
    });
  }

  /**
   * To be called when a cell has ended with this reply. If it failed because of a file that was not copied, the user is told why the
   * file is missing.
   */
  explainMissingFile({ ename, evalue }: ExecuteReply): void {
    const isModule = ename === 'ModuleNotFoundError';
    if (!isModule && ename !== 'FileNotFoundError') {
      return;
    }
    if (this.#reason !== undefined) {
      if (!isModule) {
        // A missing module is more likely a package that is not installed.
        this.#reportReason(this.#reason);
      }
      return;
    }
    const name =
      /'([^']+)'|"([^"]+)"/
        .exec(evalue)
        ?.slice(1)
        .find((one) => one !== undefined) ?? '';
    const leftOut = (isModule ? filesOfModule(name) : [name])
      .flatMap((file) => this.#inProject(path.posix.resolve(SANDBOX_HOME, this.#place.folder, file)) ?? [])
      .map((inside) => this.#copy?.project?.files.whyNot(inside))
      .find((one) => one !== undefined);
    if (this.#copy !== undefined && leftOut !== undefined && !this.#copy.reportedNames.has(leftOutKey(leftOut))) {
      this.#showLeftOut(this.#copy, leftOut, 1);
    }
  }

  /** The path, from the notebook's folder, of the original of a file in the sandbox. */
  originalOf(file: string): string | undefined {
    // `sys.path.append("..")` leads to such paths.
    const inside = this.#inProject(path.posix.normalize(file.replace(/^~(?=\/)/, SANDBOX_HOME)));
    const project = this.#copy?.project;
    return inside !== undefined && project?.files.has(inside) === true
      ? path.posix.relative(project.folder, inside)
      : undefined;
  }

  /** The path of a file in the sandbox relative to the copy of the project; undefined if it is not in that copy. */
  #inProject(file: string): string | undefined {
    const top = `${SANDBOX_HOME}/${this.#place.project}/`;
    return this.#place.project !== '' && file.startsWith(top) ? file.slice(top.length) : undefined;
  }

  /**
   * Where the notebook is in the sandbox. Without a copy, this is a folder with the name of the notebook's own folder.
   */
  get #place(): Place {
    return this.#copy?.project?.place ?? { folder: nameInHome(folderName(this.notebook)), project: '' };
  }

  async #copyFiles(
    session: SandboxSession,
    settings: SandboxSettings,
    copied: FilesSetting,
    signal: AbortSignal,
    { maxBytes, isSilent = false }: CopyOptions = {},
  ): Promise<void> {
    if (this.#copy?.session !== session) {
      this.#copy = {
        session,
        memory: settings.maxMemory,
        bounds: undefined,
        project: undefined,
        reported: new Set(),
        reportedNames: new Set(),
      };
    }
    if (signal.aborted) {
      return;
    }
    const copy = this.#copy;
    const found = await this.#looks.run(() => this.#find(copy, settings, copied), FOLDER_READ_DEADLINE_MS);
    if (found === undefined) {
      const failure = new SandboxError('FilesNotCopied', {
        reason: `the folder cannot be read within ${FOLDER_READ_DEADLINE_MS / 1000} s`,
      });
      this.log.warn(`folder: ${failure.message}`);
      if (!isSilent) {
        this.#reportOnce(copy, failure);
      }
      return;
    }
    const { reason, project } = found;
    if (reason !== this.#reason && reason !== undefined) {
      this.log.info(`folder: ${fileName(this.notebook)}: nothing is copied: ${NO_COPY_REASONS[reason]}`);
    }
    this.#reason = reason;
    if (!isSilent && (reason === 'wide' || reason === 'hidden')) {
      // For the other reasons, the user has chosen that nothing is copied.
      this.#reportReason(reason);
    }
    if (reason !== undefined) {
      return;
    }
    copy.bounds = boundsOf(settings.maxMemory, copy.memory);
    try {
      if (project instanceof Error) {
        throw project;
      }
      if (project !== undefined) {
        copy.project = this.#copyOf(project, session);
      }
      const { files } = copy.project ?? {};
      const lack = await files?.copyChanges(copy.bounds, signal, {
        folderOnly: settings.files === 'folder',
        limit: maxBytes,
      });
      if (!isSilent && files !== undefined && lack !== undefined) {
        this.#reportMissing(copy, files.missing, lack.count);
      }
    } catch (error) {
      const failure =
        error instanceof SandboxError
          ? error
          : new SandboxError('FilesNotCopied', { reason: String(error) }, { cause: error });
      this.log.warn(`folder: ${failure.message}`);
      if (isSilent) {
        copy.project?.files.retry();
      } else if (failure.code !== 'Cancelled' && !['gone', 'disposed'].includes(session.state.kind)) {
        this.#reportOnce(copy, failure);
      }
    }
  }

  /**
   * Finds out why nothing is copied. If there is no copy yet, also returns the project, or the error that prevented
   * reading it.
   */
  async #find(
    copy: SandboxCopy,
    { files: setting }: SandboxSettings,
    copied: FilesSetting,
  ): Promise<{ reason: NoCopyReason | undefined; project: Project | Error | undefined }> {
    const { reason, project } = await originOf(this.notebook, { setting, copied });
    const isNew = reason === undefined && copy.project === undefined;
    return {
      reason,
      project: isNew
        ? await project().catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))))
        : undefined,
    };
  }

  #copyOf({ files, folder }: Project, session: SandboxSession): ProjectCopy {
    const project = nameInHome(files.name);
    return {
      folder,
      place: { project, folder: folder === '' ? project : `${project}/${folder}` },
      files: new FolderCopier({
        files,
        notebook: below(folder, fileName(this.notebook)),
        into: project,
        log: this.log,
        put: (sent, stop) => session.putFiles(sent, stop),
      }),
    };
  }

  #reportReason(reason: NoCopyReason): void {
    if (this.#reportedReasons.has(reason)) {
      return;
    }
    this.#reportedReasons.add(reason);
    this.#show(new SandboxError('FilesNotCopied', { problem: reason }), reason === 'setting' ? 'files' : undefined);
  }

  /** Reports the first file that was not reported before. All of them then count as reported. */
  #reportMissing(copy: SandboxCopy, missing: readonly LeftOut[], count: number): void {
    const first = missing.find((one) => !copy.reported.has(leftOutKey(one)));
    for (const one of missing) {
      copy.reported.add(leftOutKey(one));
    }
    if (first !== undefined) {
      this.#showLeftOut(copy, first, count);
    }
  }

  #showLeftOut({ bounds, reportedNames }: SandboxCopy, first: LeftOut, count: number): void {
    const { path: name, reason, size = 0 } = first;
    reportedNames.add(leftOutKey(first));
    const limits: Record<string, number | undefined> = {
      tooLarge: bounds?.maxFileBytes,
      tooMuch: bounds?.maxTotalBytes,
      tooMany: bounds?.maxItems,
    };
    this.#show(
      new SandboxError('FilesLeftOut', {
        count,
        path: name === '' ? '.' : name,
        reason,
        size,
        limit: limits[reason] ?? 0,
      }),
      ['tooLarge', 'tooMuch', 'full'].includes(reason) ? 'maxMemory' : 'files',
    );
  }

  /**
   * Reports a failure once per sandbox, because a file that is missing before one cell is also missing before the
   * next.
   */
  #reportOnce({ reported }: SandboxCopy, failure: SandboxError): void {
    const what = `${failure.code} ${String(failure.params['reason'])}`;
    if (reported.has(what)) {
      return;
    }
    reported.add(what);
    this.#show(failure, 'files');
  }

  /** @param setting the setting that helps, without its prefix */
  #show(failure: SandboxError, setting: string | undefined): void {
    const showLog = vscode.l10n.t('Show Log');
    const settings = vscode.l10n.t('Settings');
    const text = `${fileName(this.notebook)}: ${paragraph(describe(failure, this.messageContext))}`;
    showWarning(text, ...(setting === undefined ? [showLog] : [showLog, settings]))
      .then(async (choice) => {
        if (choice === showLog) {
          await vscode.commands.executeCommand('sandboxedIPython.showLog');
        }
        if (choice === settings) {
          await vscode.commands.executeCommand('workbench.action.openSettings', `sandboxedIPython.${setting}`);
        }
      })
      .then(undefined, (error: unknown) => this.log.error(String(error)));
  }
}

/** Where notebooks have their own modules, relative to their folder. */
const MODULE_FOLDERS = ['.', 'src', '..', '../src'];

/** The files and folders that Python may take for a module of this name, relative to the notebook's folder. */
function filesOfModule(name: string): string[] {
  const parts = name.split('.');
  const found = parts.map((_, i) => parts.slice(0, i + 1).join('/'));
  return MODULE_FOLDERS.flatMap((folder) => found.flatMap((one) => [`${folder}/${one}.py`, `${folder}/${one}`]));
}

const leftOutKey = ({ path: name, reason }: LeftOut): string => `${reason} ${name}`;
