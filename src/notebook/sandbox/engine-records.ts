import type * as vscode from 'vscode';
import type { SandboxRecord } from './sandbox-record';
import type { SandboxRecords } from './sandbox-records';

/**
 * A notebook may have one sandbox on each engine. This decides which of them counts as the notebook's: the one on the
 * engine in use, as far as that engine is known.
 */
export class EngineRecords {
  /** Ids of sandboxes on other engines that a cell has already reported. */
  readonly #reported = new Set<string>();

  constructor(
    private readonly notebook: vscode.NotebookDocument,
    private readonly records: SandboxRecords,
  ) {}

  /**
   * The sandbox is on an engine that is not in use. It stays there, and its record moves to {@link
   * SandboxRecords.elsewhere}.
   */
  setAside(record: SandboxRecord): void {
    this.records.remove(this.notebook.uri, record.sandboxId);
    this.records.elsewhere.put(this.notebook.uri, record);
  }

  /**
   * Replaces the record by that of the notebook's sandbox on the engine in use.
   * @returns false if the notebook has no sandbox there
   */
  switchTo(record: SandboxRecord, engine: string): boolean {
    const here = this.records.elsewhere.take(this.notebook.uri, engine);
    if (here === undefined) {
      return false;
    }
    this.setAside(record);
    this.records.set(this.notebook.uri, here);
    return true;
  }

  /**
   * To be called when the notebook has no sandbox on the engine in use. Makes the newest record from another engine
   * the notebook's, because that engine may be the one that answers now.
   */
  restoreNewest(): void {
    const record = this.records.elsewhere.newest(this.notebook.uri);
    if (record === undefined) {
      return;
    }
    this.records.elsewhere.take(this.notebook.uri, record.engine);
    this.records.set(this.notebook.uri, record);
  }

  /** Whether no cell has reported yet that this sandbox is on another engine. Marks it as reported. */
  isFirstReport({ sandboxId }: SandboxRecord): boolean {
    const isNews = !this.#reported.has(sandboxId);
    this.#reported.add(sandboxId);
    return isNews;
  }
}
