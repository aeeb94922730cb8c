import type { FoundSandbox } from '../engine/engine';
import type { InstallNetwork } from '../engine/image/install-network';
import type { Log } from '../log';
import type { SandboxError } from '../protocol/errors';
import type { SandboxSettings } from './settings';
import type { Timing } from './time';
import type { OpenCell, SandboxSession } from './types';

export interface CommonOptions {
  /** For a sandbox that is there: those that it was started with. */
  settings: SandboxSettings;
  /** How installs get to the package index, asked for when one begins. */
  network?: () => Promise<InstallNetwork>;
  /** Words for a cell whose install fails; default: code and parameters. */
  explain?: (failure: SandboxError) => string;
  log?: Log;
  timing?: Timing;
}

export interface SessionOptions extends CommonOptions {
  /** The derived image, as `engine.ensureImage` named it. */
  image: string;
  /** Random id of this installation. */
  owner: string;
  /** Where the notebook was first, for people. */
  notebookHint: string;
  /** Seconds that the sandbox lives without a host. */
  lease: number;
  /** Seconds that it lives without being used; 0 = for ever. */
  idle?: number;
  /** A session on the same image that has ended and kept its libraries, which this one takes over. */
  previous?: Pick<SandboxSession, 'libraries' | 'installed'>;
}

export interface AttachOptions extends CommonOptions {
  sandbox: FoundSandbox;
  /** Of the supervisor that is meant; '' = whichever runs there. */
  boot: string;
  /** The id of the host whose place this is: a stream of it that nobody has closed yet goes. */
  host?: string;
  /** Ends another host that writes to the sandbox; else the session ends as `InUse` where there is one. */
  takeOver?: boolean;
  /** What the session before had open when it was last looked at. */
  open?: readonly OpenCell[];
  /** Requirements known to be in its libraries. */
  installed?: readonly string[];
}
