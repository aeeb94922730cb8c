import os from 'node:os';
import { connectEngine } from '../engine/connect';
import type { Engine, ImageRequest } from '../engine/engine';
import { installNetwork, type InstallNetwork } from '../engine/image/install-network';
import { silentProgress, type Progress } from '../engine/progress';
import type { Log } from '../log';
import { SandboxError } from '../protocol/errors';
import { isRequirement } from '../session/installs/references';
import { parseSettings, type RawSettings, type SandboxSettings } from '../session/settings';

/** The only language and kernel that a sandbox has. */
export const LANGUAGE = 'python';
export const KERNEL_TYPE = 'ipython';

/** Seconds for which a sandbox outlives a program that ended without closing it. */
const DEFAULT_LEASE_SECONDS = 60;

export interface OpenOptions {
  lang?: typeof LANGUAGE;
  kernelType?: typeof KERNEL_TYPE;
  /** Settings with the names and forms of the extension's settings, such as `{ maxMemory: '512MB', timeout: 60 }`. */
  settings?: RawSettings;
  /** pip requirements that are installed before the first run. */
  libraries?: readonly string[];
  /** Files that are written into the sandbox's home before the first run, by their relative paths. */
  files?: Readonly<Record<string, string | Uint8Array>>;
  /** Folder with the runner's files, as the extension ships it. */
  runnerFolder: string;
  /** A name that tells people what the sandbox is for. It is for display only. */
  name?: string;
  /** Identifies the sandboxes of this program on the engine. Default: a random id. */
  owner?: string;
  /** Seconds after which a sandbox ends that this program has left without closing it. */
  lease?: number;
  /** Default: the first engine that answers, found as Docker's own tools find it. The caller disposes of an engine that it passes. */
  engine?: Engine;
  log?: Log;
  /** Gives the proxies and certificates with which installs reach the package index. Default: those of the environment. */
  network?: () => Promise<InstallNetwork>;
  /** Reports the steps of building the image, which takes a while on first use. */
  progress?: Progress;
  /** Cancels the opening. */
  signal?: AbortSignal;
}

/** Options that were checked. */
export interface CheckedOptions extends OpenOptions {
  parsed: SandboxSettings;
  leaseSeconds: number;
  network: () => Promise<InstallNetwork>;
}

/** @throws SandboxError `SettingInvalid` that names the option, its value and what is allowed */
export function checkOptions(options: OpenOptions): CheckedOptions {
  mustBe('lang', options.lang ?? LANGUAGE, LANGUAGE);
  mustBe('kernelType', options.kernelType ?? KERNEL_TYPE, KERNEL_TYPE);
  checkRequirements(options.libraries ?? []);
  return {
    ...options,
    parsed: parseSettings(options.settings ?? {}),
    network: options.network ?? (() => installNetwork(process.env)),
    leaseSeconds: options.lease ?? DEFAULT_LEASE_SECONDS,
  };
}

/** @throws SandboxError `SettingInvalid` for a requirement that is not a name with optional extras and versions */
export function checkRequirements(requirements: readonly string[]): void {
  for (const requirement of requirements) {
    if (!isRequirement(requirement)) {
      throw invalid('libraries', requirement, 'names from a package index with optional extras and versions');
    }
  }
}

function mustBe(option: string, value: unknown, allowed: string): void {
  if (value !== allowed) {
    throw invalid(option, value, `"${allowed}"`);
  }
}

const invalid = (setting: string, value: unknown, allowed: string): SandboxError =>
  new SandboxError('SettingInvalid', { setting, value: String(value).slice(0, 80), allowed });

/** The image of a sandbox with these options. */
export const imageRequestOf = async ({ parsed, runnerFolder, network }: CheckedOptions): Promise<ImageRequest> => ({
  base: parsed.image,
  packages: parsed.packages,
  runnerFolder,
  network: await network(),
});

/** Connects to an engine and gives it with the image of the sandbox. */
export async function prepare(options: CheckedOptions): Promise<{ engine: Engine; image: string }> {
  const { log, progress = silentProgress, signal } = options;
  const engine =
    options.engine ??
    (await connectEngine({
      platform: process.platform,
      env: process.env,
      home: os.homedir(),
      uid: process.getuid?.(),
      ...(log && { log }),
      ...(signal && { signal }),
    }));
  try {
    return { engine, image: await engine.ensureImage(await imageRequestOf(options), progress, signal) };
  } catch (error) {
    if (options.engine === undefined) {
      engine.dispose();
    }
    throw error;
  }
}
