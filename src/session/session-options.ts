import type { FoundSandbox } from '../engine/engine';
import type { InstallNetwork } from '../engine/image/install-network';
import type { Log } from '../log';
import type { SandboxError } from '../protocol/errors';
import type { SandboxSettings } from './settings';
import type { Timing } from './time';
import type { OpenCell, SandboxSession } from './types';

export interface CommonOptions {
  /** For a sandbox that exists: the settings with which it was started. */
  settings: SandboxSettings;
  /** Gives the proxies and certificates with which installs reach the package index. Called when an install starts. */
  network?: () => Promise<InstallNetwork>;
  /** Gives the message for a cell whose install failed; default: code and parameters. */
  explain?: (failure: SandboxError) => string;
  log?: Log;
  timing?: Timing;
}

export interface SessionOptions extends CommonOptions {
  /** Name of the derived image, from `engine.ensureImage`. */
  image: string;
  /** Random id of this installation. */
  owner: string;
  /** The notebook's location when the sandbox was created, for display only. */
  notebookHint: string;
  /** Seconds after which a sandbox without a host ends. */
  lease: number;
  /** Seconds after which an unused sandbox ends; 0 = never. */
  idle?: number;
  /** An ended session with the same image that kept its libraries, which the new session takes over. */
  previous?: Pick<SandboxSession, 'libraries' | 'installed'>;
}

export interface AttachOptions extends CommonOptions {
  sandbox: FoundSandbox;
  /** Boot id of the expected supervisor; '' accepts any supervisor. */
  boot: string;
  /** Id of the host that this session replaces. A stream of that host which is still open is closed. */
  host?: string;
  /** Disconnects another host that is the writer. By default the session ends as `InUse` if there is such a host. */
  takeOver?: boolean;
  /** Cells that the previous session had open when its state was last saved. */
  open?: readonly OpenCell[];
  /** Requirements that are known to be installed in the sandbox's libraries. */
  installed?: readonly string[];
}
