import type * as vscode from 'vscode';
import type { SandboxRecord } from './sandbox-record';
import { fromStored, toStored } from './stored-record';

const PREFIX = 'elsewhere:';
/** Separates the notebook's URI, in which this character is encoded, from the engine's id. */
const SEPARATOR = '#';
/** Milliseconds by which an engine may end a sandbox after its lease. */
const LEASE_GRACE_MS = 60_000;

/** Whether the sandbox has certainly ended with its lease, as far as this computer can know. */
export const isExpired = ({ seen, keepAlive }: Pick<SandboxRecord, 'seen' | 'keepAlive'>, now = Date.now()): boolean =>
  now - seen > keepAlive * 60_000 + LEASE_GRACE_MS;

/**
 * Records of the sandboxes that notebooks have on engines other than the one in use: one record for each notebook and
 * engine, in the workspace state. A record is used again when its engine is in use again, and removed when its lease
 * is over.
 */
export class RecordsElsewhere {
  /** Also removes records that this version cannot read. Their sandboxes end with their lease. */
  constructor(private readonly memento: vscode.Memento) {
    for (const key of this.#keys('')) {
      const record = this.#read(key);
      if (record === undefined || isExpired(record)) {
        void this.memento.update(key, undefined);
      }
    }
  }

  /** The newest record of the notebook. */
  newest(uri: vscode.Uri): SandboxRecord | undefined {
    return this.#all(uri.toString() + SEPARATOR)
      .map(([, record]) => record)
      .filter((record) => !isExpired(record))
      .sort((a, b) => b.seen - a.seen)[0];
  }

  /** All records of sandboxes that may still be running. */
  get living(): SandboxRecord[] {
    return this.#all('')
      .map(([, record]) => record)
      .filter((record) => !isExpired(record));
  }

  put(uri: vscode.Uri, record: SandboxRecord): void {
    void this.memento.update(elsewhereKey(uri, record.engine), toStored(record));
  }

  /** Removes and returns the notebook's record for this engine. */
  take(uri: vscode.Uri, engine: string): SandboxRecord | undefined {
    const key = elsewhereKey(uri, engine);
    const record = this.#read(key);
    if (record !== undefined) {
      void this.memento.update(key, undefined);
    }
    return record;
  }

  /** A notebook, or a folder that contains notebooks, was renamed. */
  move(from: vscode.Uri, to: vscode.Uri): void {
    for (const end of [SEPARATOR, '/']) {
      for (const [key, record] of this.#all(from.toString() + end)) {
        void this.memento.update(key, undefined);
        void this.memento.update(
          PREFIX + to.toString() + key.slice(PREFIX.length + from.toString().length),
          toStored(record),
        );
      }
    }
  }

  #keys(start: string): string[] {
    return this.memento.keys().filter((key) => key.startsWith(PREFIX + start));
  }

  #all(start: string): [key: string, record: SandboxRecord][] {
    return this.#keys(start).flatMap((key): [string, SandboxRecord][] => {
      const record = this.#read(key);
      return record === undefined ? [] : [[key, record]];
    });
  }

  /** Undefined if there is no record, or one that this version cannot read. */
  #read(key: string): SandboxRecord | undefined {
    const stored = this.memento.get<unknown>(key);
    try {
      return stored === undefined ? undefined : fromStored(stored);
    } catch {
      return undefined;
    }
  }
}

const elsewhereKey = (uri: vscode.Uri, engine: string): string => PREFIX + uri.toString() + SEPARATOR + engine;
