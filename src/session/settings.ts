import { SandboxError } from '../protocol/errors';
import { isImageReference, isRequirement } from './installs/references';
import { formatBytes, parseBytes } from './sizes';
import type { InteractiveSettings } from './types';

/** Which files are copied: the notebook's project, only its folder, or none. The most restrictive value is last. */
export const FILES = ['project', 'folder', 'none'] as const;
export type FilesSetting = (typeof FILES)[number];

/** All settings of a sandbox, validated. Sizes are in bytes, times in seconds unless stated otherwise. */
export interface SandboxSettings extends InteractiveSettings {
  /** Reference to the base image. */
  image: string;
  /** pip requirements. */
  packages: readonly string[];
  cpus: number;
  pids: number;
  /** Maximum size of the event log. */
  logBudget: number;
  /** Maximum output of one cell. */
  maxOutput: number;
  /** Which files are copied into a notebook's sandbox. */
  files: FilesSetting;
  /** What "Reset Sandbox State" does with the files of a sandbox. */
  resetFiles: 'keep' | 'clear';
  /** When the sandbox starts: when its notebook is opened, provided that the image exists, or with the first cell. */
  startOn: 'open' | 'run';
  /** Minutes after which a sandbox without a window ends; 0 = it ends with its window. */
  keepAlive: number;
  /** Minutes after which an unused sandbox ends; 0 = never. */
  idleTimeout: number;
}
export type SettingName = keyof SandboxSettings;
/** Settings as the configuration gives them. An undefined setting has its default. */
export type RawSettings = Partial<Record<SettingName, unknown>>;

const MB = 2 ** 20;
const GB = 2 ** 30;

interface Rule<T> {
  fallback: T;
  /** Describes the allowed values, for messages. */
  allowed: string;
  /** Gives the value, or undefined if it is not allowed. */
  parse: (raw: unknown) => T | undefined;
}

const numeric = (
  fallback: number,
  least: number,
  most: number,
  { whole = false, extra = [] as readonly number[], unit = '' } = {},
): Rule<number> => ({
  fallback,
  allowed: `${[...extra, ''].join(' or ')}a ${whole ? 'whole ' : ''}number ${least}–${most.toLocaleString('en-US')}${unit}`,
  parse: (raw) =>
    typeof raw === 'number' &&
    ((raw >= least && raw <= most && (!whole || Number.isInteger(raw))) || extra.includes(raw))
      ? raw
      : undefined,
});

const size = (fallback: number, least: number, most: number): Rule<number> => ({
  fallback,
  allowed: `${formatBytes(least)}–${formatBytes(most)}, written as 512MB, 1GB, 2g or a number of bytes`,
  parse: (raw) => {
    const bytes = parseBytes(raw);
    return bytes !== undefined && bytes >= least && bytes <= most ? bytes : undefined;
  },
});

const RULES: { [Name in SettingName]: Rule<SandboxSettings[Name]> } = {
  timeout: numeric(300, 0, 604_800, { unit: ' (seconds; 0 = no limit)' }),
  maxMemory: size(GB, 256 * MB, 1024 * GB),
  historySize: numeric(1000, 3, 1_000_000, { whole: true, extra: [0] }),
  pollInterval: numeric(0.1, 0.01, 10, { unit: ' (seconds)' }),
  cpus: numeric(2, 0.1, 256),
  pids: numeric(512, 64, 32_768, { whole: true }),
  logBudget: size(64 * MB, MB, 4 * GB),
  maxOutput: size(10 * MB, 64 * 2 ** 10, 200 * MB),
  files: {
    fallback: 'project',
    allowed: '"project", "folder" or "none"',
    parse: (raw) => FILES.find((one) => one === raw),
  },
  resetFiles: {
    fallback: 'keep',
    allowed: '"keep" or "clear"',
    parse: (raw) => (raw === 'keep' || raw === 'clear' ? raw : undefined),
  },
  startOn: {
    fallback: 'open',
    allowed: '"open" or "run"',
    parse: (raw) => (raw === 'open' || raw === 'run' ? raw : undefined),
  },
  keepAlive: numeric(30, 0, 10_080, { unit: ' (minutes; 0 = the sandbox ends with its window)' }),
  idleTimeout: numeric(0, 0, 10_080, { unit: ' (minutes; 0 = never)' }),
  image: {
    fallback: 'python:3.13-slim',
    allowed: 'the reference of an image, such as python:3.13-slim',
    parse: (raw) => (typeof raw === 'string' && isImageReference(raw.trim()) ? raw.trim() : undefined),
  },
  packages: {
    fallback: [],
    allowed:
      'a list of at most 200 names from a package index with optional extras and versions, such as pandas or numpy>=2,<3; no options, addresses or paths',
    parse: (raw) => {
      if (!Array.isArray(raw) || raw.length > 200) {
        return undefined;
      }
      const names = raw.map((one: unknown) => (typeof one === 'string' ? one.trim() : ''));
      return names.every(isRequirement) ? names : undefined;
    },
  },
};

export const SETTING_NAMES = Object.keys(RULES) as SettingName[];
export const DEFAULT_SETTINGS: SandboxSettings = parseSettings({});

/** Validates all settings. @throws SandboxError `SettingInvalid` with the setting, its value and the allowed values */
export function parseSettings(raw: RawSettings): SandboxSettings {
  const parsed = <Name extends SettingName>(name: Name): SandboxSettings[Name] => parseSetting(name, raw[name]);
  const logBudget = parsed('logBudget');
  return {
    timeout: parsed('timeout'),
    maxMemory: parsed('maxMemory'),
    historySize: parsed('historySize'),
    pollInterval: parsed('pollInterval'),
    image: parsed('image'),
    packages: parsed('packages'),
    cpus: parsed('cpus'),
    pids: parsed('pids'),
    files: parsed('files'),
    resetFiles: parsed('resetFiles'),
    startOn: parsed('startOn'),
    logBudget,
    keepAlive: parsed('keepAlive'),
    idleTimeout: parsed('idleTimeout'),
    maxOutput: Math.min(parsed('maxOutput'), logBudget), // output that the log cannot hold could not be shown again after a reload
  };
}

export function parseSetting<Name extends SettingName>(name: Name, raw: unknown): SandboxSettings[Name] {
  const { fallback, allowed, parse } = RULES[name];
  if (raw === undefined) {
    return fallback;
  }
  const value = parse(raw);
  if (value !== undefined) {
    return value;
  }
  throw new SandboxError('SettingInvalid', { setting: name, value: shown(raw), allowed }, { setting: name });
}

/** The stricter of two limits, where 0 means no limit. */
function leastLimit(a: number, b: number): number {
  const least = Math.min(a || Infinity, b || Infinity);
  return least === Infinity ? 0 : least;
}

/** For each setting, chooses the more restrictive of two values. */
const TIGHTER: {
  [Name in Exclude<SettingName, 'historySize' | 'resetFiles' | 'image' | 'packages'>]: (
    a: SandboxSettings[Name],
    b: SandboxSettings[Name],
  ) => SandboxSettings[Name];
} = {
  timeout: leastLimit,
  idleTimeout: leastLimit,
  keepAlive: Math.min,
  maxMemory: Math.min,
  logBudget: Math.min,
  maxOutput: Math.min,
  cpus: Math.min,
  pids: Math.min,
  pollInterval: Math.max, // a shorter interval costs more CPU time
  files: (a, b) => (FILES.indexOf(a) > FILES.indexOf(b) ? a : b),
  startOn: (a, b) => (a === 'run' ? a : b),
};
export type Tightenable = keyof typeof TIGHTER;

/**
 * The value of a setting that a workspace sets too. A workspace may make the user's value more restrictive, never less; VS Code itself
 * merges the two without such a rule. `userValue` is the user's own value or the default. Either value may be invalid.
 */
export function clampToUser<Name extends Tightenable>(
  name: Name,
  workspaceValue: unknown,
  userValue: unknown,
): SandboxSettings[Name] {
  const user = parseSetting(name, userValue);
  return workspaceValue === undefined ? user : TIGHTER[name](parseSetting(name, workspaceValue), user);
}

/** A value in the form in which a message shows it. */
function shown(raw: unknown): string {
  const text = typeof raw === 'string' ? raw : (JSON.stringify(raw) ?? typeof raw);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}
