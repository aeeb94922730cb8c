import type * as vscode from 'vscode';
import type { FoundSandbox } from '../../engine/engine';
import { silentLog } from '../../log';
import type { SandboxSettings } from '../../session/settings';
import type { OpenCell, SandboxSession } from '../../session/types';
import type { FormerHost } from './former-host';
import { RecordsElsewhere } from './records-elsewhere';
import { fromStored, toStored } from './stored-record';

/** What a window has to remember of a notebook's sandbox to find it again. */
export interface SandboxRecord extends Pick<FoundSandbox, 'sandboxId' | 'image' | 'libraries'>, FormerHost {
  /** Id of the engine that the sandbox is on, and its name for people; '' = not known. */
  engine: string;
  engineName: string;
  boot: string;
  /** Up to this event the document surely shows what the sandbox said. */
  seq: number;
  /** Those that it was started with. */
  settings: SandboxSettings;
  /** Cells that it had not replied to. */
  open?: readonly OpenCell[];
  /** Requirements in its libraries. */
  installed: readonly string[];
  /** Minutes that it lives without a window; with 0 no later window finds it. */
  keepAlive: number;
  /** Milliseconds since 1970 when it was last known to live. */
  seen: number;
  /** It was started when the notebook was opened, and nothing has run in it. */
  unused?: boolean;
}

/** @param seq the event up to which the document surely shows what the sandbox said */
export const recordOf = (
  session: SandboxSession,
  settings: SandboxSettings,
  seq: number,
  isUnused: boolean,
): SandboxRecord => ({
  engine: session.engine,
  engineName: session.engineName,
  sandboxId: session.id,
  image: session.image,
  libraries: session.libraries,
  boot: session.place.boot,
  seq,
  host: session.host,
  pid: process.pid,
  settings,
  open: session.open,
  installed: session.installed,
  keepAlive: settings.keepAlive,
  seen: Date.now(),
  ...(isUnused && { unused: true }),
});

const PREFIX = 'sandbox:';
/** Milliseconds; nothing of a sandbox is left by then. */
const MAX_RECORD_AGE_MS = 8 * 24 * 3600_000;

interface RenameWait {
  record: SandboxRecord;
  settle: (isMoved: boolean) => void;
}

/** Which sandbox each notebook has, in the state of the workspace: a copy of a notebook must not share one, and two windows must not overwrite each other. */
export class SandboxRecords {
  /** Those that no later window is to find. */
  readonly #windowOnly = new Map<string, SandboxRecord>();
  /** Of notebooks that were closed and may open under another name. */
  readonly #awaitingRename = new Map<string, RenameWait>();
  /** The window closes. */
  #isClosing = false;
  /** Sandboxes of the same notebooks on other engines. */
  readonly elsewhere: RecordsElsewhere;

  /** A stored record that this version cannot use counts as none: its sandbox ends with its lease. */
  constructor(
    private readonly memento: vscode.Memento,
    private readonly log = silentLog,
  ) {
    this.elsewhere = new RecordsElsewhere(memento);
    for (const key of this.#keys()) {
      const record = this.#read(key);
      if (record === undefined || Date.now() - record.seen > MAX_RECORD_AGE_MS) {
        this.#write(key, undefined);
      }
    }
  }

  get(uri: vscode.Uri): SandboxRecord | undefined {
    return this.#read(recordKey(uri));
  }

  /** Whether the notebook has a sandbox with anything in it. */
  hasUsed(uri: vscode.Uri): boolean {
    const record = this.get(uri);
    return record !== undefined && record.unused !== true;
  }

  set(uri: vscode.Uri, record: SandboxRecord): void {
    this.#write(recordKey(uri), record);
  }

  /** For a sandbox that is still the notebook's: the notebook may have another name by now, or another sandbox. */
  update(uri: vscode.Uri, record: SandboxRecord): void {
    if (this.get(uri)?.sandboxId === record.sandboxId) {
      this.set(uri, record);
    }
  }

  /** The notebook of this name does not have this sandbox any more. */
  remove(uri: vscode.Uri, sandboxId: string): void {
    if (this.get(uri)?.sandboxId === sandboxId) {
      this.#write(recordKey(uri), undefined);
    }
  }

  /** A notebook, or a folder with some, has another name now. */
  move(from: vscode.Uri, to: vscode.Uri): void {
    this.elsewhere.move(from, to);
    const before = recordKey(from);
    for (const key of new Set([...this.#awaitingRename.keys(), ...this.#keys()])) {
      if (key !== before && !key.startsWith(`${before}/`)) {
        continue;
      }
      const departure = this.#awaitingRename.get(key);
      const record = departure?.record ?? this.#read(key);
      if (departure === undefined) {
        this.#write(key, undefined);
      }
      if (record !== undefined) {
        this.#write(recordKey(to) + key.slice(before.length), record);
      }
      departure?.settle(true);
    }
  }

  /**
   * The notebook of this name was closed for good, unless it opens under another one within `ms`: true if it did. Until then
   * nobody finds its sandbox by the old name, which the next notebook without a file may have.
   */
  awaitRename(uri: vscode.Uri, record: SandboxRecord, ms: number): Promise<boolean> {
    const key = recordKey(uri);
    this.remove(uri, record.sandboxId);
    if (this.#isClosing) {
      return Promise.resolve(false);
    }
    return new Promise((resolve) => {
      const timer = setTimeout(() => settle(false), ms);
      const departure: RenameWait = { record, settle: (isMoved) => settle(isMoved) };
      const settle = (isMoved: boolean): void => {
        clearTimeout(timer);
        if (this.#awaitingRename.get(key) === departure) {
          this.#awaitingRename.delete(key);
        }
        resolve(isMoved);
      };
      this.#awaitingRename.get(key)?.settle(false);
      this.#awaitingRename.set(key, departure);
    });
  }

  isAwaitingRename(uri: vscode.Uri): boolean {
    return this.#awaitingRename.has(recordKey(uri));
  }

  /** Another notebook has the name of one that was closed. */
  endRenameWait(uri: vscode.Uri): void {
    this.#awaitingRename.get(recordKey(uri))?.settle(false);
  }

  /** The window closes: what is closed, and what will be, opens under no other name. */
  endAllRenameWaits(): void {
    this.#isClosing = true;
    for (const { settle } of [...this.#awaitingRename.values()]) {
      settle(false);
    }
  }

  /** These sandboxes have ended: no notebook is to look for them. */
  forget(sandboxIds: ReadonlySet<string>): void {
    for (const key of this.#keys()) {
      const record = this.#read(key);
      if (record !== undefined && sandboxIds.has(record.sandboxId)) {
        this.#write(key, undefined);
      }
    }
  }

  /** Names of the engines other than this one on which notebooks of this workspace may have sandboxes. */
  enginesBeside(engine: string): string[] {
    const here = this.#keys().flatMap((key) => this.#read(key) ?? []);
    return [
      ...new Set(
        [...here, ...this.elsewhere.living]
          .filter((record) => record.engine !== '' && record.engine !== engine)
          .map(({ engineName }) => engineName),
      ),
    ];
  }

  #keys(): string[] {
    return [...this.memento.keys().filter((key) => key.startsWith(PREFIX)), ...this.#windowOnly.keys()];
  }

  #read(key: string): SandboxRecord | undefined {
    const ofThisWindow = this.#windowOnly.get(key);
    const stored = ofThisWindow === undefined ? this.memento.get<unknown>(key) : undefined;
    if (stored === undefined) {
      return ofThisWindow;
    }
    try {
      return fromStored(stored);
    } catch (error) {
      this.log.warn(
        `the stored sandbox of ${key.slice(PREFIX.length)} cannot be used: ${error instanceof Error ? error.message : String(error)}`,
      );
      return undefined;
    }
  }

  #write(key: string, record: SandboxRecord | undefined): void {
    const isKept = record !== undefined && record.keepAlive > 0;
    if (record === undefined || isKept) {
      this.#windowOnly.delete(key);
    } else {
      this.#windowOnly.set(key, record);
    }
    if (isKept || this.memento.get(key) !== undefined) {
      void this.memento.update(key, isKept ? toStored(record) : undefined);
    }
  }
}

const recordKey = (uri: vscode.Uri): string => PREFIX + uri.toString();
