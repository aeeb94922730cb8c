import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { findCommand, run, start } from './tools.mjs';

/** Returns the installed desktop VS Code, if it can show a window here. */
export function findDesktop() {
  const display = process.platform !== 'linux' || process.env.DISPLAY || process.env.WAYLAND_DISPLAY;
  // VS Code needs --no-sandbox for root, and root usually has no desktop.
  return display && process.getuid?.() !== 0 ? findCommand('code') : undefined;
}

/**
 * Opens a window with separate settings and extensions, so that the user's VS Code does not change.
 * @param {string} code
 * @param {{ folder: string, vsix: string, opener: string, workspace: string, notebook: string, settings: object }} options
 * @returns {Promise<void>} when the window is closed
 */
export async function openDesktop(code, { folder, vsix, opener, workspace, notebook, settings }) {
  const user = path.join(folder, 'user');
  const extensions = path.join(folder, 'extensions');
  mkdirSync(path.join(user, 'User'), { recursive: true });
  writeFileSync(path.join(user, 'User', 'settings.json'), JSON.stringify(settings, null, 2));
  cpSync(opener, path.join(extensions, 'sandboxed-ipython.opener-0.0.1'), { recursive: true });
  const own = ['--user-data-dir', user, '--extensions-dir', extensions];
  await run(code, [...own, '--install-extension', vsix, '--force'], { deadline: 120_000 });
  const window = start(code, [...own, '--wait', '--new-window', workspace], {
    env: { ...process.env, SANDBOXED_IPYTHON_OPEN: notebook },
    stdio: 'ignore',
  });
  await new Promise((resolve, reject) => window.once('error', reject).once('exit', resolve));
}
