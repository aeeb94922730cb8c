import type * as vscode from 'vscode';
import type { FoundSandbox } from '../engine/engine';
import type { SandboxSettings } from '../session/settings';
import type { OpenCell } from '../session/types';

/** What a window has to remember of a notebook's sandbox to find it again. */
export interface SandboxRecord extends Pick<FoundSandbox, 'sandboxId' | 'image' | 'libraries'> {
  boot: string;
  /** Up to this event the document surely shows what the sandbox said. */
  seq: number;
  /** '' = another window's, not known. */
  host: string;
  /** Those that it was started with. */
  settings: SandboxSettings;
  /** Cells that it had not replied to. */
  open?: readonly OpenCell[];
  /** Requirements in its libraries. */
  installed: readonly string[];
  /** Minutes that it lives without a window. */
  keepAlive: number;
  /** Milliseconds since 1970 when it was last known to live. */
  seen: number;
}

const PREFIX = 'sandbox:';
/** Milliseconds; nothing of a sandbox is left by then. */
const FORGOTTEN = 8 * 24 * 3600_000;

/** Which sandbox each notebook has, in the state of the workspace: a copy of a notebook must not share one, and two windows must not overwrite each other. */
export class SandboxRecords {
  constructor(private readonly memento: vscode.Memento) {
    for (const key of this.#keys()) {
      const record = memento.get<SandboxRecord>(key);
      if (record === undefined || Date.now() - record.seen > FORGOTTEN) { this.#write(key, undefined); }
    }
  }

  get(uri: vscode.Uri): SandboxRecord | undefined { return this.memento.get(PREFIX + uri.toString()); }

  set(uri: vscode.Uri, record: SandboxRecord | undefined): void { this.#write(PREFIX + uri.toString(), record); }

  /** For a sandbox that is still the notebook's: the notebook may have another name by now, or another sandbox. */
  update(uri: vscode.Uri, record: SandboxRecord): void {
    if (this.get(uri)?.sandboxId === record.sandboxId) { this.set(uri, record); }
  }

  /** A notebook, or a folder with some, has another name now. */
  move(from: vscode.Uri, to: vscode.Uri): void {
    const before = PREFIX + from.toString();
    for (const key of this.#keys().filter((one) => one === before || one.startsWith(`${before}/`))) {
      this.#write(PREFIX + to.toString() + key.slice(before.length), this.memento.get(key));
      this.#write(key, undefined);
    }
  }

  clear(): void {
    for (const key of this.#keys()) { this.#write(key, undefined); }
  }

  #keys(): string[] { return this.memento.keys().filter((key) => key.startsWith(PREFIX)); }

  #write(key: string, record: SandboxRecord | undefined): void { void this.memento.update(key, record); }
}
