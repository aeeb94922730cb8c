import type { Log } from '../../log';
import type { SandboxError } from '../../protocol/errors';
import type { SandboxEvent } from '../../protocol/messages';
import type { SandboxSettings } from '../../session/settings';
import type { SandboxSession } from '../../session/types';
import type { LogReplay } from '../execution/restored-runs';
import type { PendingSettings } from './applied-settings';
import type { SandboxRecords } from './sandbox-records';
import type { SessionSource } from './session-source';

/** The state of a notebook's sandbox as the user sees it. */
export type SandboxStatus =
  | { kind: 'none' | 'starting' }
  | { kind: 'ready' | 'unreachable'; settings: SandboxSettings; pending: PendingSettings };

export interface BindingSink {
  /** A session is being started. `isUnused`: possibly no cell ever runs in it. */
  created(session: SandboxSession, settings: SandboxSettings, how: { isUnused: boolean }): void;
  /** A session attaches to a running sandbox. The document is known to show the sandbox's log up to the event `seq`. */
  beginReplay(seq: number): LogReplay;
  event(event: SandboxEvent): void;
  /** The sandbox has ended. Returns true if a running cell reports that. */
  gone(): boolean;
  /** The sandbox does not answer. It may still recover. */
  unreachable(failure: SandboxError): void;
  /** Shows a problem that no cell can report. */
  warn(failure: SandboxError): void;
  /** The notebook's {@link SandboxStatus} may have changed. */
  changed(): void;
}

export interface BindingOptions {
  source: SessionSource;
  records: SandboxRecords;
  sink: BindingSink;
  log: Log;
}
