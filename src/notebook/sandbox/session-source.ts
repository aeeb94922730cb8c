import type * as vscode from 'vscode';
import type { SandboxEvent } from '../../protocol/messages';
import type { SandboxSettings } from '../../session/settings';
import type { AttachedCell, SandboxSession } from '../../session/types';
import type { SandboxRecord } from './sandbox-records';

/** A sandbox that has ended and kept its libraries. */
export type PreviousSandbox = Pick<SandboxSession, 'engine' | 'image' | 'libraries' | 'installed' | 'dispose'>;

export interface StartOptions {
  signal: AbortSignal;
  /** Its libraries are the new sandbox's if the image is the same, else they are removed. */
  previous: PreviousSandbox | undefined;
  /** The session is being started: files may be put into its sandbox already, which wait for the container. */
  onCreated: (session: SandboxSession) => void;
}

/** Where a notebook's sessions come from. Both reject with a SandboxError. */
export interface SessionSource {
  start(notebook: vscode.NotebookDocument, settings: SandboxSettings, options: StartOptions): Promise<SandboxSession>;
  /**
   * Whether no other window has a sandbox of this notebook, and {@link start} would find everything made. Makes and pulls nothing; rejects
   * with a SandboxError.
   * @param how `makesImage`: {@link start} may make the image
   */
  canStartEarly(
    notebook: vscode.NotebookDocument,
    settings: SandboxSettings,
    how: { makesImage: boolean },
  ): Promise<boolean>;
  /** On a sandbox that a window has left. `hear` gets its whole log, event by event, before this resolves, and the cells that are open now. */
  attach(
    record: SandboxRecord,
    onReplay: (event: SandboxEvent, open: readonly AttachedCell[]) => void,
    signal: AbortSignal,
    how: { takeOver: boolean },
  ): Promise<SandboxSession>;
  /** What is left when {@link attach} found no sandbox. */
  previousOf(record: SandboxRecord): PreviousSandbox;
  /**
   * Ends a sandbox that no session here has; absent is fine. Rejects with a SandboxError, `InUse` where another window may have it.
   * @param how `isOurs`: it has taken this window as its host, so no other window has it
   */
  end(record: SandboxRecord, how?: { isOurs: boolean }): Promise<void>;
}
