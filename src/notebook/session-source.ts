import type * as vscode from 'vscode';
import type { SandboxEvent } from '../protocol/messages';
import type { SandboxSettings } from '../session/settings';
import type { AttachedCell, SandboxSession } from '../session/types';
import type { SandboxRecord } from './sandbox-records';

/** A sandbox that has ended and kept its libraries. */
export type PreviousSandbox = Pick<SandboxSession, 'engine' | 'image' | 'libraries' | 'installed' | 'dispose'>;

/** Where a notebook's sessions come from. Both reject with a SandboxError. */
export interface SessionSource {
  /** Libraries of `previous` are the new one's if its image is the same, else they are removed. */
  start(notebook: vscode.NotebookDocument, settings: SandboxSettings, signal: AbortSignal, previous: PreviousSandbox | undefined): Promise<SandboxSession>;
  /**
   * Whether no other window has a sandbox of this notebook, and {@link start} would find everything made. Makes and pulls nothing; rejects
   * with a SandboxError.
   * @param how `makesImage`: {@link start} may make the image
   */
  canStartEarly(notebook: vscode.NotebookDocument, settings: SandboxSettings, how: { makesImage: boolean }): Promise<boolean>;
  /** On a sandbox that a window has left. `hear` gets its whole log, event by event, before this resolves, and the cells that are open now. */
  attach(record: SandboxRecord, hear: (event: SandboxEvent, open: readonly AttachedCell[]) => void, signal: AbortSignal, how: { takeOver: boolean }): Promise<SandboxSession>;
  /** What is left when {@link attach} found no sandbox. */
  left(record: SandboxRecord): PreviousSandbox;
  /**
   * Ends a sandbox that no session here has; absent is fine. Rejects with a SandboxError, `InUse` where another window may have it.
   * @param how `isOurs`: it has taken this window as its host, so no other window has it
   */
  end(record: SandboxRecord, how?: { isOurs: boolean }): Promise<void>;
}
