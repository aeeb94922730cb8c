import type { SandboxFile } from '../../engine/engine';
import { engineReason } from '../../engine/request';
import type { Log } from '../../log';
import { SandboxError } from '../../protocol/errors';
import { PAUSE_AFTER_SLOW_READ_MS, FOLDER_READ_DEADLINE_MS, type Bounds } from './bounds';
import { Gitignore } from './gitignore';
import { FileChanged, below, type HostFiles } from './host-files';
import { LeftOuts, REASONS, isAbout, isMissing, type LeftOut, type Reason } from './left-out';
import { isKey } from './names';
import { OneAtATime } from './one-at-a-time';
import { select, type Item } from './selection';

/** Maximum number of names that the log has for each reason. */
const MAX_LOGGED_NAMES = 20;

export interface FolderCopierOptions {
  files: HostFiles;
  /** The notebook's own file. */
  notebook: string;
  /** Target folder in the sandbox's home; '' = the home itself. */
  into: string;
  /** See `Engine.putFiles`. */
  put: (files: readonly SandboxFile[], signal: AbortSignal) => Promise<Map<number, string>>;
  log: Log;
  /** Milliseconds: the deadline for reading the folder, and the pause after that was exceeded. */
  waits?: { look: number; rest: number };
}

/** The files that are not in the sandbox although the user may expect them. */
export interface MissingFiles {
  count: number;
  first: LeftOut;
}

/** Copies one folder into one sandbox. It sends only files that are new or changed on the host; changes in the sandbox are kept. */
export class FolderCopier {
  readonly #gitignore: Gitignore;
  /** Versions of the items that were sent, whether or not the sandbox could write them. By path. */
  readonly #offered = new Map<string, string>();
  /** Items that the sandbox could not write, by path. */
  readonly #failed = new Map<string, LeftOut>();
  /** Paths that were selected when the folder was last read. */
  #there: ReadonlySet<string> = new Set();
  #loggedSummary = '';
  /** Items that were left out when the folder was last read. */
  #leftOut = new LeftOuts();
  /** The slow folder is not read before this time. */
  #restUntil = 0;
  readonly #looks = new OneAtATime();
  /** Versions of items that could not be sent because the whole transfer failed. They are sent again after a pause. */
  readonly #unsent = new Map<string, string>();
  #sendAgainAt = 0;

  constructor(private readonly options: FolderCopierOptions) {
    this.#gitignore = new Gitignore(options.files);
  }

  /**
   * Sends new and changed files to the sandbox. Does nothing for a while after the folder was read too slowly.
   * @param options `folderOnly`: only the notebook's folder and its subfolders; `limit`: if there are more bytes than this, nothing is sent
   * @throws SandboxError `FilesNotCopied {reason}`; `Cancelled`: none of the files counts as sent
   */
  async copyChanges(
    bounds: Bounds,
    signal: AbortSignal,
    { folderOnly = false, limit = Infinity }: { folderOnly?: boolean; limit?: number | undefined } = {},
  ): Promise<MissingFiles | undefined> {
    const {
      notebook,
      files,
      log,
      waits = { look: FOLDER_READ_DEADLINE_MS, rest: PAUSE_AFTER_SLOW_READ_MS },
    } = this.options;
    const began = performance.now();
    if (began < this.#restUntil) {
      return this.#lack; // it may not have been reported yet
    }
    const selection = await this.#looks
      .run(
        () => select({ files, gitignore: this.#gitignore, bounds, notebook, folderOnly, deadline: waits.look }),
        2 * waits.look,
      )
      .catch((cause: unknown) => {
        throw new SandboxError(
          'FilesNotCopied',
          { reason: cause instanceof Error ? cause.message : String(cause) },
          { cause },
        );
      });
    const looked = performance.now();
    if (selection === undefined || looked - began >= waits.look) {
      this.#restUntil = looked + waits.rest;
      log.warn(`folder: it is slow, and not looked at for ${Math.round(waits.rest / 1000)} s`);
    }
    if (selection === undefined) {
      throw new SandboxError('FilesNotCopied', {
        reason: 'the folder cannot be read in time',
        rest: waits.rest / 1000,
      });
    }
    const news = selection.items.filter(
      ({ path, file }) =>
        this.#offered.get(path) !== versionOf(file) &&
        !(this.#unsent.get(path) === versionOf(file) && looked < this.#sendAgainAt),
    );
    const size = news.reduce((sum, { file }) => sum + (file?.size ?? 0), 0);
    if (size > limit) {
      this.#restUntil = 0; // the call that may send it must find it, however slow the folder is
      log.debug(`folder: ${size} bytes are not sent before they are asked for`);
      return undefined;
    }
    if (news.length > 0) {
      await this.#send(news, signal);
    }
    log.debug(
      `folder: ${selection.items.length} items looked at in ${Math.round(looked - began)} ms, ${news.length} sent in ${Math.round(performance.now() - looked)} ms`,
    );
    const there = new Set(selection.items.map(({ path }) => path));
    this.#there = there;
    for (const [path, one] of this.#failed) {
      if (there.has(path)) {
        selection.leftOut.add(one);
      } else {
        this.#failed.delete(path);
        this.#unsent.delete(path);
      }
    }
    this.#leftOut = selection.leftOut;
    this.#logLeftOut(selection.leftOut);
    return this.#lack;
  }

  /** What the last complete look found missing. */
  get #lack(): MissingFiles | undefined {
    const { missing, missingCount } = this.#leftOut;
    const [first] = missing;
    return first === undefined ? undefined : { count: missingCount, first };
  }

  /** The first of the left out items that the user may expect. */
  get missing(): readonly LeftOut[] {
    return this.#leftOut.missing;
  }

  /** Why a file, or a folder that contains it, was left out; undefined if it was not left out or does not exist. */
  whyNot(path: string): LeftOut | undefined {
    const { excluded, missing } = this.#leftOut;
    return [...missing, ...excluded].find((one) => isAbout(one, path));
  }

  /** Makes the next call send the failed items again and read the folder even if it is slow. */
  retry(): void {
    this.#restUntil = this.#sendAgainAt = 0;
    for (const path of this.#failed.keys()) {
      this.#offered.delete(path);
    }
    this.#failed.clear();
  }

  /** Whether this file was sent to the sandbox and still exists in the folder. */
  has(path: string): boolean {
    return (
      this.#there.has(path) && this.#offered.has(path) && this.#offered.get(path) !== FOLDER && !this.#failed.has(path)
    );
  }

  async #send(items: readonly Item[], signal: AbortSignal): Promise<void> {
    const trouble = new Map<string, Reason>();
    let refused: Map<number, string>;
    try {
      signal.throwIfAborted();
      refused = await this.options.put(
        items.map((item) => this.#outgoing(item, trouble)),
        signal,
      );
    } catch (error) {
      if (signal.aborted) {
        throw new SandboxError('Cancelled', {}, { cause: error });
      }
      // the sandbox may have some of the files: all are sent again, but only after a pause, so that not every cell waits for another
      // failure
      this.#sendAgainAt = performance.now() + (this.options.waits?.rest ?? PAUSE_AFTER_SLOW_READ_MS);
      for (const { path, file } of items) {
        this.#offered.delete(path);
        this.#unsent.set(path, versionOf(file));
        this.#failed.set(path, { path, reason: 'refused', ...(file && { size: file.size }) });
      }
      throw new SandboxError('FilesNotCopied', { reason: engineReason(error) }, { cause: error });
    }
    for (const [i, { path, file }] of items.entries()) {
      this.#unsent.delete(path);
      this.#offered.set(path, versionOf(file));
      const error = refused.get(i);
      const reason =
        trouble.get(path) ??
        (error === undefined ? undefined : ['ENOSPC', 'EDQUOT', 'ENOMEM'].includes(error) ? 'full' : 'refused');
      if (reason === undefined) {
        this.#failed.delete(path);
      } else {
        this.#failed.set(path, { path, reason, ...(file && { size: file.size }) });
      }
    }
  }

  #outgoing({ path: inside, file }: Item, trouble: Map<string, Reason>): SandboxFile {
    const path = below(this.options.into, inside);
    if (file === undefined) {
      return { path, size: 0, modified: 0, executable: true, content: undefined };
    }
    const { size, modified, executable } = file;
    return { path, size, modified, executable, content: () => this.#content(inside, file, trouble) };
  }

  async *#content(path: string, file: NonNullable<Item['file']>, trouble: Map<string, Reason>): AsyncGenerator<Buffer> {
    try {
      let isFirst = true;
      for await (const piece of this.options.files.read(path, file)) {
        if (isFirst && isKey(piece)) {
          trouble.set(path, 'key');
          throw new Error('a private key');
        }
        isFirst = false;
        yield piece;
      }
    } catch (error) {
      if (!trouble.has(path)) {
        trouble.set(path, error instanceof FileChanged ? 'changed' : 'unreadable');
      }
      throw error;
    }
  }

  /** Logs the left out items if they have changed since they were last logged. Names are quoted, because they can contain any character. */
  #logLeftOut({ excluded, excludedCount, missing, missingCount }: LeftOuts): void {
    const byReason = new Map<Reason, string[]>();
    for (const { path, reason } of [...missing, ...excluded]) {
      byReason.set(reason, [...(byReason.get(reason) ?? []), JSON.stringify(path === '' ? '.' : path)]);
    }
    const summary = JSON.stringify([...byReason, missingCount, excludedCount]);
    if (summary === this.#loggedSummary) {
      return;
    }
    this.#loggedSummary = summary;
    const { log } = this.options;
    for (const [reason, names] of byReason) {
      const line = `folder: not in the sandbox, ${REASONS[reason]}: ${names.slice(0, MAX_LOGGED_NAMES).join(', ')}${names.length > MAX_LOGGED_NAMES ? ` and ${names.length - MAX_LOGGED_NAMES} more` : ''}`;
      if (isMissing(reason)) {
        log.warn(line);
      } else {
        log.info(line);
      }
    }
    const unnamed = excludedCount + missingCount - excluded.length - missing.length;
    if (unnamed > 0) {
      log.info(`folder: not in the sandbox: ${unnamed} more`);
    }
  }
}

/** Version of every folder. */
const FOLDER = 'folder';
const versionOf = (file: Item['file']): string => file?.version ?? FOLDER;
