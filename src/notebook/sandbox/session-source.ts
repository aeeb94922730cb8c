import type * as vscode from 'vscode';
import type { SandboxEvent } from '../../protocol/messages';
import type { SandboxSettings } from '../../session/settings';
import type { AttachedCell, SandboxSession } from '../../session/types';
import type { SandboxRecord } from './sandbox-record';

/** A sandbox that has ended and kept its libraries. */
export type PreviousSandbox = Pick<SandboxSession, 'engine' | 'image' | 'libraries' | 'installed' | 'dispose'>;

export interface StartOptions {
  signal: AbortSignal;
  /** The new sandbox takes over its libraries if both have the same image. Otherwise the libraries are removed. */
  previous: PreviousSandbox | undefined;
  /** Called when the session starts. Files may already be put into its sandbox; they wait for the container. */
  onCreated: (session: SandboxSession) => void;
}

export interface AttachOptions {
  /**
   * Called for each event of the sandbox's log before {@link SessionSource.attach} resolves, together with the cells
   * that are open at that time.
   */
  onReplay: (event: SandboxEvent, open: readonly AttachedCell[]) => void;
  signal: AbortSignal;
  /** The user has decided that this window takes the sandbox over from another one. */
  takeOver: boolean;
}

/** Creates and ends the sessions of notebooks. All of its promises reject with a SandboxError. */
export interface SessionSource {
  start(notebook: vscode.NotebookDocument, settings: SandboxSettings, options: StartOptions): Promise<SandboxSession>;
  /**
   * Whether no other window has a sandbox of this notebook and {@link start} would find everything prepared. Builds
   * and pulls nothing. Rejects with a SandboxError.
   * @param how `makesImage`: {@link start} may make the image
   */
  canStartEarly(
    notebook: vscode.NotebookDocument,
    settings: SandboxSettings,
    how: { makesImage: boolean },
  ): Promise<boolean>;
  /** Attaches to a sandbox that another window has left. */
  attach(record: SandboxRecord, options: AttachOptions): Promise<SandboxSession>;
  /** Describes what a sandbox has left on the engine when {@link attach} did not find it. */
  previousOf(record: SandboxRecord): PreviousSandbox;
  /**
   * Ends a sandbox to which no session of this window is attached. Succeeds if the sandbox does not exist. Rejects
   * with a SandboxError, which is `InUse` if another window may use the sandbox.
   * @param how `isOurs`: the sandbox has accepted this window as its host, so no other window uses it
   */
  end(record: SandboxRecord, how?: { isOurs: boolean }): Promise<void>;
}
