import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { baseImage, canBuildBases, ensureBaseImage, hasImage } from './base-images.mjs';
import { importTypeScript } from './bundle.mjs';
import { ensureCodeServer } from './code-server.mjs';
import { findDesktop, openDesktop } from './desktop.mjs';
import { ensureEngine } from './engine.mjs';
import { Failure } from './failure.mjs';
import { openGate } from './gate.mjs';
import { removeSandboxesOfWindowsBelow } from './leftovers.mjs';
import { say, step } from './log.mjs';
import { ROOT, cacheDir } from './paths.mjs';
import { isShuttingDown, onShutdown } from './shutdown.mjs';
import { makeImage } from './start-image.mjs';
import { mayInstall } from './system-packages.mjs';
import { findCommand, start, tail } from './tools.mjs';
import { manifest, packageExtension } from './vsix.mjs';

const EXAMPLES = path.join(ROOT, 'examples');
const NOTEBOOK = 'quickstart.ipynb';
const OPENER = path.join(import.meta.dirname, 'opener');
const IMAGE_SETTING = 'sandboxedIPython.image';
const PACKAGES_SETTING = 'sandboxedIPython.packages';

/**
 * Shows the extension with a copy of the examples, in the desktop VS Code or, if there is none, in the browser.
 * @param {{ open: boolean, port: number }} options `open`: show a window; else only serve it
 * @returns {Promise<void>} when the window, or the server, has ended
 */
export async function startQuickstart({ open, port }) {
  if (!existsSync(path.join(EXAMPLES, NOTEBOOK))) {
    throw new Failure(`examples/${NOTEBOOK} is missing.`);
  }
  if (!mayInstall()) {
    await ensureEngine(); // reports a missing engine before anything is downloaded
  }
  const desktop = open ? findDesktop() : undefined;
  const folder = mkdtempSync(path.join(cacheDir('start'), 'window-'));
  onShutdown('the window’s folder', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  const vsix = path.join(folder, 'extension.vsix');
  const [settings, home] = await Promise.all([
    ensureEngine().then(() => {
      // What was started last ends first, so that the sandboxes end while the engine still runs.
      onShutdown('the sandboxes of its windows', () => removeSandboxesOfWindowsBelow(folder));
      return readySettings();
    }),
    desktop ? undefined : ensureCodeServer(),
    step('packed the extension', () => packageExtension(vsix)),
  ]);
  if (desktop) {
    const workspace = path.join(folder, 'workspace');
    cpSync(EXAMPLES, workspace, { recursive: true });
    say('opening VS Code; this script ends when its window is closed');
    await openDesktop(desktop, {
      folder,
      vsix,
      opener: OPENER,
      workspace,
      notebook: path.join(workspace, NOTEBOOK),
      settings,
    });
  } else {
    await serve({ home, folder, vsix, settings, open, port });
  }
}

/** Returns the settings of the window. Their image is built first, so that the first cell finds it. */
async function readySettings() {
  const settings = await imageSettings();
  await makeImage({
    image: settings[IMAGE_SETTING] ?? defaultOf(IMAGE_SETTING),
    packages: defaultOf(PACKAGES_SETTING),
  });
  return settings;
}

/** @param {string} setting */
const defaultOf = (setting) =>
  [manifest().contributes?.configuration ?? []]
    .flat()
    .map((section) => section.properties?.[setting]?.default)
    .find(Boolean);

/**
 * Returns the published default image, which the extension pulls if it is missing. On a machine where a base can be
 * built from Debian's packages, returns that base unless the default image exists.
 */
async function imageSettings() {
  const standard = defaultOf(IMAGE_SETTING);
  if (!canBuildBases() || (standard && (await hasImage(standard)))) {
    return {};
  }
  await ensureBaseImage('bookworm');
  return { [IMAGE_SETTING]: baseImage('bookworm') };
}

async function serve({ home, folder, vsix, settings, open, port }) {
  const { CodeServer } = await importTypeScript('test/support/codeServer.ts');
  const socket = path.join(folder, 'server.sock');
  const server = await CodeServer.start({
    home,
    dataDir: folder,
    workspace: EXAMPLES,
    vsix: [vsix],
    extensionFolders: [OPENER],
    machineSettings: settings,
    env: { SANDBOXED_IPYTHON_OPEN: path.join(folder, 'workspace', NOTEBOOK) },
    socket,
  });
  onShutdown('VS Code’s server', () => server.stop());
  const gate = await openGate({
    socketPath: socket,
    port,
    entry: `/?folder=${encodeURIComponent(server.workspace)}`,
  });
  onShutdown('the gate', gate.close);
  say('VS Code shows a copy of the examples, which goes when this ends (Ctrl-C).');
  console.log(`ready: ${gate.url}`);
  if (open) {
    openInBrowser(gate.url);
  }
  await server.exited;
  if (!isShuttingDown()) {
    throw new Failure(`VS Code’s server ended: ${server.ended}\n${tail(server.log)}`);
  }
}

/** Tries to show the page; the address was already printed. */
function openInBrowser(url) {
  const display = process.platform === 'darwin' || process.env.DISPLAY || process.env.WAYLAND_DISPLAY;
  const opener = display && findCommand('open', 'xdg-open');
  if (opener) {
    start(opener, [url], { stdio: 'ignore' });
  }
}
