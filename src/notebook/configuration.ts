import * as vscode from 'vscode';
import type { Log } from '../log';
import {
  clampToUser,
  SETTING_NAMES,
  parseSettings,
  type RawSettings,
  type SandboxSettings,
  type SettingName,
  type Tightenable,
} from '../session/settings';

export const SECTION = 'sandboxedIPython';

/** A workspace may make these settings stricter but never less strict. VS Code itself would allow both. */
const TIGHTENABLE: readonly Tightenable[] = [
  'timeout',
  'maxMemory',
  'pollInterval',
  'logBudget',
  'maxOutput',
  'cpus',
  'pids',
  'files',
  'keepAlive',
  'idleTimeout',
  'startOn',
];
/** Only the user's own values of these settings count, because a workspace must not choose what runs. */
const USER_ONLY: readonly SettingName[] = ['image', 'packages'];
/** Settings that a running container cannot change. */
export const FIXED_AT_START: readonly SettingName[] = [
  'maxMemory',
  'pollInterval',
  'image',
  'packages',
  'cpus',
  'pids',
  'logBudget',
  'maxOutput',
  'keepAlive',
  'idleTimeout',
];

/**
 * Reads the settings that apply to this notebook; without a notebook, those of the window.
 * @throws SandboxError `SettingInvalid`
 */
export function readSettings(notebook: vscode.Uri | undefined, log: Log): SandboxSettings {
  const configuration = vscode.workspace.getConfiguration(SECTION, notebook);
  const raw: RawSettings = {
    historySize: configuration.get('historySize'),
    resetFiles: configuration.get('resetFiles'),
  };
  for (const name of USER_ONLY) {
    raw[name] = valuesOf(configuration, name).user;
  }
  for (const name of TIGHTENABLE) {
    const { user, workspace } = valuesOf(configuration, name);
    raw[name] = clampToUser(name, workspace, user);
    if (workspace !== undefined && raw[name] === clampToUser(name, undefined, user)) {
      log.debug(`the workspace's value of ${name} is not stricter than the user's: the user's holds`);
    }
  }
  return parseSettings(raw);
}

/**
 * Reads the user's own settings, without those of a workspace.
 * @throws SandboxError `SettingInvalid`
 */
export function readUserSettings(): SandboxSettings {
  const configuration = vscode.workspace.getConfiguration(SECTION);
  return parseSettings(Object.fromEntries(SETTING_NAMES.map((name) => [name, valuesOf(configuration, name).user])));
}

/** Settings that a running kernel cannot change, but the next kernel in the same sandbox can. */
export const FIXED_IN_KERNEL: readonly SettingName[] = ['historySize'];

/** The settings that have changed and need a new sandbox. */
export function settingsForNewSandbox(before: SandboxSettings, now: SandboxSettings): SettingName[] {
  const fixed = changed(FIXED_AT_START, before, now);
  // Copied files stay where they are; the first copy is made with the next run.
  return before.files !== 'none' && before.files !== now.files ? [...fixed, 'files'] : fixed;
}

/** The settings that have changed and need a new kernel. */
export const settingsForNewKernel = (before: SandboxSettings, now: SandboxSettings): SettingName[] =>
  changed(FIXED_IN_KERNEL, before, now);

const changed = (names: readonly SettingName[], before: SandboxSettings, now: SandboxSettings): SettingName[] =>
  names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(now[name]));

function valuesOf(
  configuration: vscode.WorkspaceConfiguration,
  name: SettingName,
): { user: unknown; workspace: unknown } {
  const values = configuration.inspect<unknown>(name);
  return {
    user: values?.globalValue ?? values?.defaultValue,
    workspace: values?.workspaceFolderValue ?? values?.workspaceValue,
  };
}
