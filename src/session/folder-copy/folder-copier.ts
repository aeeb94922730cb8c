import type { SandboxFile } from '../../engine/engine';
import { engineReason } from '../../engine/request';
import type { Log } from '../../log';
import { SandboxError } from '../../protocol/errors';
import { PAUSE_AFTER_LATE_LOOK_MS, LOOK_DEADLINE_MS, type Bounds } from './bounds';
import { Gitignore } from './gitignore';
import { FileChanged, below, type HostFiles } from './host-files';
import { LeftOuts, REASONS, isAbout, isMissing, type LeftOut, type Reason } from './left-out';
import { isKey } from './names';
import { OneAtATime } from './one-at-a-time';
import { select, type Item } from './selection';

/** Of each reason, in the log. */
const MAX_LOGGED_NAMES = 20;

export interface FolderCopierOptions {
  files: HostFiles;
  /** The notebook's own file. */
  notebook: string;
  /** Where it is in the sandbox's home; '' = there itself. */
  into: string;
  /** See `Engine.putFiles`. */
  put: (files: readonly SandboxFile[], signal: AbortSignal) => Promise<Map<number, string>>;
  log: Log;
  /** Milliseconds: for a look, and after one that took longer. */
  waits?: { look: number; rest: number };
}

/** What is not in the sandbox though the user may expect it. */
export interface MissingFiles {
  count: number;
  first: LeftOut;
}

/** The copy of one folder in one sandbox. Only what is new or has changed on the host is sent; what only changed in the sandbox stays. */
export class FolderCopier {
  readonly #gitignore: Gitignore;
  /** Version of what the sandbox has, or was offered in vain. */
  readonly #offered = new Map<string, string>();
  /** What it was offered in vain. */
  readonly #failed = new Map<string, LeftOut>();
  /** What was there when it was looked at last. */
  #there: ReadonlySet<string> = new Set();
  #told = '';
  /** What the last look left out. */
  #leftOut = new LeftOuts();
  /** Until then the folder, which is slow, is not looked at. */
  #restUntil = 0;
  readonly #looks = new OneAtATime();
  /** Versions of what could not be sent, as the sandbox took nothing; it is sent again after a rest. */
  readonly #unsent = new Map<string, string>();
  #sendAgainAt = 0;

  constructor(private readonly options: FolderCopierOptions) {
    this.#gitignore = new Gitignore(options.files);
  }

  /**
   * Brings the sandbox what it lacks; nothing for a while after a look that was late.
   * @param how `folderOnly`: only what is in the notebook's folder and below; `limit`: bytes, nothing is sent where it would be more
   * @throws SandboxError `FilesNotCopied {reason}`; `Cancelled`: nothing of it counts as there
   */
  async copyChanges(
    bounds: Bounds,
    signal: AbortSignal,
    { folderOnly = false, limit = Infinity }: { folderOnly?: boolean; limit?: number | undefined } = {},
  ): Promise<MissingFiles | undefined> {
    const { notebook, files, log, waits = { look: LOOK_DEADLINE_MS, rest: PAUSE_AFTER_LATE_LOOK_MS } } = this.options;
    const began = performance.now();
    if (began < this.#restUntil) {
      return undefined;
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
    this.#tell(selection.leftOut);
    const [first] = selection.leftOut.missing;
    return first === undefined ? undefined : { count: selection.leftOut.missingCount, first };
  }

  /** What the user may have expected, the first of it. */
  get missing(): readonly LeftOut[] {
    return this.#leftOut.missing;
  }

  /** Why a file of the folder, or a folder that it is in, was left out; undefined: it was not, or is not there. */
  whyNot(path: string): LeftOut | undefined {
    const { excluded, missing } = this.#leftOut;
    return [...missing, ...excluded].find((one) => isAbout(one, path));
  }

  /** What was offered in vain is offered again, and a slow folder is looked at. */
  retry(): void {
    this.#restUntil = this.#sendAgainAt = 0;
    for (const path of this.#failed.keys()) {
      this.#offered.delete(path);
    }
    this.#failed.clear();
  }

  /** Whether the sandbox got this file from the folder, which still has it. */
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
      // the sandbox may have some of it and may not: it is sent again, but not before every cell, which would wait in vain each time
      this.#sendAgainAt = performance.now() + (this.options.waits?.rest ?? PAUSE_AFTER_LATE_LOOK_MS);
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

  /** Logs what was left out, when it is not what was logged last. Names are in quotes: they can have any character. */
  #tell({ excluded, excludedCount, missing, missingCount }: LeftOuts): void {
    const byReason = new Map<Reason, string[]>();
    for (const { path, reason } of [...missing, ...excluded]) {
      byReason.set(reason, [...(byReason.get(reason) ?? []), JSON.stringify(path === '' ? '.' : path)]);
    }
    const told = JSON.stringify([...byReason, missingCount, excludedCount]);
    if (told === this.#told) {
      return;
    }
    this.#told = told;
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

/** Its version: it has none. */
const FOLDER = 'folder';
const versionOf = (file: Item['file']): string => file?.version ?? FOLDER;
