import type * as vscode from 'vscode';
import type { SandboxRecord, SandboxRecords } from './sandbox-records';

/** Which of a notebook's sandboxes, one on each engine, counts as the notebook's: that of the engine in use, as far as that is known. */
export class EngineRecords {
  /** Ids of sandboxes on other engines of which a cell has said so. */
  readonly #reported = new Set<string>();

  constructor(
    private readonly notebook: vscode.NotebookDocument,
    private readonly records: SandboxRecords,
  ) {}

  /** The sandbox is on another engine than the one in use: it is left there. */
  setAside(record: SandboxRecord): void {
    this.records.remove(this.notebook.uri, record.sandboxId);
    this.records.elsewhere.put(this.notebook.uri, record);
  }

  /** Puts a sandbox aside in favour of the one that the notebook has on the engine in use. False: it has none there. */
  switchTo(record: SandboxRecord, engine: string): boolean {
    const here = this.records.elsewhere.take(this.notebook.uri, engine);
    if (here === undefined) {
      return false;
    }
    this.setAside(record);
    this.records.set(this.notebook.uri, here);
    return true;
  }

  /** The notebook has no sandbox here: one that was left on another engine is looked for, which may be the one that answers now. */
  restoreNewest(): void {
    const record = this.records.elsewhere.newest(this.notebook.uri);
    if (record === undefined) {
      return;
    }
    this.records.elsewhere.take(this.notebook.uri, record.engine);
    this.records.set(this.notebook.uri, record);
  }

  /** Whether no cell has said yet that this sandbox is elsewhere; from now on one has. */
  isFirstReport({ sandboxId }: SandboxRecord): boolean {
    const isNews = !this.#reported.has(sandboxId);
    this.#reported.add(sandboxId);
    return isNews;
  }
}
