import * as vscode from 'vscode';
import { installNetwork, type InstallNetwork, type NetworkSettings } from '../engine/image/install-network';
import type { Log } from '../log';
import { SECTION } from './configuration';
import type { ProxyPassword } from './proxy-password';

/**
 * Reads how installations reach the package index. It is read again for each installation, and only from the user's
 * own settings, because a workspace must not choose the destination of an installation.
 * @throws SandboxError `SettingInvalid` for `proxy` or `caBundle`
 */
export async function readNetwork(password: ProxyPassword, log: Log): Promise<InstallNetwork> {
  const settings = readNetworkSettings();
  return installNetwork(process.env, { ...settings, proxy: await password.complete(settings.proxy) }, log);
}

/** The user's own settings for the network, without the password of the proxy. They are not checked. */
export function readNetworkSettings(): NetworkSettings {
  const users = (section: string, name: string): unknown =>
    vscode.workspace.getConfiguration(section).inspect(name)?.globalValue;
  const text = (value: unknown): string =>
    // `installNetwork` refuses such a value.
    typeof value === 'string' ? value : value === undefined || value === null ? '' : JSON.stringify(value);
  const noProxy = users('http', 'noProxy');
  return {
    proxy: text(users(SECTION, 'proxy')),
    caBundle: text(users(SECTION, 'caBundle')),
    editorProxy: users('http', 'proxySupport') === 'off' ? '' : text(users('http', 'proxy')),
    editorNoProxy: Array.isArray(noProxy) ? noProxy.map(text) : [],
  };
}
