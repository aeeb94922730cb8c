import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { findCommand, run, start } from './tools.mjs';

/** The desktop VS Code that is installed here, if it could also show a window. */
export function findDesktop() {
  const display = process.platform !== 'linux' || process.env.DISPLAY || process.env.WAYLAND_DISPLAY;
  // root needs --no-sandbox there, and has no desktop of its own
  return display && process.getuid?.() !== 0 ? findCommand('code') : undefined;
}

/**
 * Opens a window with settings and extensions of its own, so that the user's VS Code stays as it is.
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
