import type { FoundSandbox } from '../../engine/engine';
import type { SandboxSettings } from '../../session/settings';
import type { OpenCell, SandboxSession } from '../../session/types';
import type { FormerHost } from './former-host';

/** What a window stores about a notebook's sandbox so that a later window can find it. */
export interface SandboxRecord extends Pick<FoundSandbox, 'sandboxId' | 'image' | 'libraries'>, FormerHost {
  /** Id of the engine on which the sandbox runs, and its name for users; '' if unknown. */
  engine: string;
  engineName: string;
  boot: string;
  /** The last event that the document is known to show. */
  seq: number;
  /** The settings with which the sandbox was started. */
  settings: SandboxSettings;
  /** Cells to which the sandbox had not replied. */
  open?: readonly OpenCell[];
  /** Requirements of the packages in its libraries. */
  installed: readonly string[];
  /** Minutes that the sandbox lives without a window. With 0, no later window finds it. */
  keepAlive: number;
  /** Time (milliseconds since 1970) when the sandbox was last known to live. */
  seen: number;
  /** The sandbox was started when the notebook was opened, and nothing has run in it. */
  unused?: boolean;
}

/** @param seq the last event that the document is known to show */
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
