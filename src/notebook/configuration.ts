import * as vscode from 'vscode';
import type { Log } from '../log';
import { clampToUser, parseSettings, type RawSettings, type SandboxSettings, type SettingName, type Tightenable } from '../session/settings';

export const SECTION = 'sandboxedIPython';

/** A workspace may tighten these and never widen them; VS Code itself would let it. */
const TIGHTENABLE: readonly Tightenable[] = ['timeout', 'maxMemory', 'pollInterval', 'logBudget', 'maxOutput', 'cpus', 'pids', 'files', 'keepAlive', 'idleTimeout'];
/** Only the user's own value counts: a workspace must not choose what runs. */
const USERS_ALONE: readonly SettingName[] = ['image', 'packages'];
/** What a running container cannot change. */
const FIXED_AT_START: readonly SettingName[] = ['maxMemory', 'pollInterval', 'image', 'packages', 'cpus', 'pids', 'logBudget', 'maxOutput', 'keepAlive', 'idleTimeout'];

/**
 * The settings that hold for this notebook, or without one for the window.
 * @throws SandboxError `SettingInvalid`
 */
export function readSettings(notebook: vscode.Uri | undefined, log: Log): SandboxSettings {
  const configuration = vscode.workspace.getConfiguration(SECTION, notebook);
  const raw: RawSettings = { historySize: configuration.get('historySize') };
  for (const name of USERS_ALONE) { raw[name] = valuesOf(configuration, name).user; }
  for (const name of TIGHTENABLE) {
    const { user, workspace } = valuesOf(configuration, name);
    raw[name] = clampToUser(name, workspace, user);
    if (workspace !== undefined && raw[name] === clampToUser(name, undefined, user)) {
      log.debug(`the workspace's value of ${name} is not stricter than the user's: the user's holds`);
    }
  }
  return parseSettings(raw);
}

/** The settings that differ and that only a new sandbox can have. */
export function needNewSandbox(before: SandboxSettings, now: SandboxSettings): SettingName[] {
  return FIXED_AT_START.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(now[name]));
}

function valuesOf(configuration: vscode.WorkspaceConfiguration, name: SettingName): { user: unknown; workspace: unknown } {
  const values = configuration.inspect<unknown>(name);
  return { user: values?.globalValue ?? values?.defaultValue, workspace: values?.workspaceFolderValue ?? values?.workspaceValue };
}
