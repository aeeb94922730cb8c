import type * as vscode from 'vscode';
import { silentLog } from '../../log';
import { RecordsElsewhere } from './records-elsewhere';
import type { SandboxRecord } from './sandbox-record';
import { fromStored, toStored } from './stored-record';

const PREFIX = 'sandbox:';
/** Milliseconds after which nothing of a sandbox is left. */
const MAX_RECORD_AGE_MS = 8 * 24 * 3600_000;

interface RenameWait {
  record: SandboxRecord;
  settle: (isMoved: boolean) => void;
}

/**
 * Stores which sandbox each notebook has. The records are in the workspace state and not in the notebook, because a
 * copy of a notebook must not share its sandbox, and two windows must not overwrite each other's record.
 */
export class SandboxRecords {
  /** Records that no later window may find. */
  readonly #windowOnly = new Map<string, SandboxRecord>();
  /** Closed notebooks that may open again under another name. */
  readonly #awaitingRename = new Map<string, RenameWait>();
  /** The window is closing. */
  #isClosing = false;
  /** Sandboxes of the same notebooks on other engines. */
  readonly elsewhere: RecordsElsewhere;

  /** A stored record that this version cannot read counts as absent. Its sandbox ends with its lease. */
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

  /** Whether the notebook has a sandbox in which something has run. */
  hasUsed(uri: vscode.Uri): boolean {
    const record = this.get(uri);
    return record !== undefined && record.unused !== true;
  }

  set(uri: vscode.Uri, record: SandboxRecord): void {
    this.#write(recordKey(uri), record);
  }

  /**
   * Writes the record only if the sandbox is still that of the notebook of this name. The notebook may have been
   * renamed or may have another sandbox by now.
   */
  update(uri: vscode.Uri, record: SandboxRecord): void {
    if (this.get(uri)?.sandboxId === record.sandboxId) {
      this.set(uri, record);
    }
  }

  /** Removes the record of this sandbox from the notebook of this name. */
  remove(uri: vscode.Uri, sandboxId: string): void {
    if (this.get(uri)?.sandboxId === sandboxId) {
      this.#write(recordKey(uri), undefined);
    }
  }

  /** A notebook, or a folder that contains notebooks, was renamed. */
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
   * Waits up to `ms` milliseconds for a closed notebook to open under another name. Meanwhile no notebook finds the
   * sandbox by the old name, because the next untitled notebook may have that name.
   * @returns whether the notebook was renamed
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

  /** Another notebook now has the name of a closed one, so the closed notebook was not renamed. */
  endRenameWait(uri: vscode.Uri): void {
    this.#awaitingRename.get(recordKey(uri))?.settle(false);
  }

  /** The window is closing. Notebooks that are closed now or later do not open under another name. */
  endAllRenameWaits(): void {
    this.#isClosing = true;
    for (const { settle } of [...this.#awaitingRename.values()]) {
      settle(false);
    }
  }

  /** Removes the records of sandboxes that have ended, so that no notebook looks for them. */
  forget(sandboxIds: ReadonlySet<string>): void {
    for (const key of this.#keys()) {
      const record = this.#read(key);
      if (record !== undefined && sandboxIds.has(record.sandboxId)) {
        this.#write(key, undefined);
      }
    }
  }

  /** Names of all other engines on which notebooks of this workspace may have sandboxes. */
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
