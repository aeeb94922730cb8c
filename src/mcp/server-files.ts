import { randomUUID } from 'node:crypto';
import { access, mkdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ServerSettings } from '../agents/mcp/main';

/** The file that starts the server. Its path stays when an update moves the extension. */
const LAUNCHER = 'mcp.cjs';
const SETTINGS = 'mcp-settings.json';

/** How the server is started. */
export interface ServerCommand {
  command: string;
  args: string[];
  env: Record<string, string>;
}

/**
 * Writes the launcher and the settings of the MCP server, which any agent on this computer may start without VS Code.
 * @param folder the extension's storage for all workspaces
 * @param bundle the server of the installed extension
 */
export async function writeServerFiles(folder: string, bundle: string, settings: ServerSettings): Promise<void> {
  await mkdir(folder, { recursive: true });
  await Promise.all([
    replaceFile(path.join(folder, LAUNCHER), `require(${JSON.stringify(bundle)});\n`),
    replaceFile(path.join(folder, SETTINGS), `${JSON.stringify(settings, undefined, 2)}\n`),
  ]);
}

/** Whether {@link writeServerFiles} was ever called with this folder. */
export const hasServerFiles = (folder: string): Promise<boolean> =>
  access(path.join(folder, LAUNCHER)).then(
    () => true,
    () => false,
  );

/** The command that starts the server with the files in this folder, by the Node that VS Code itself runs on. */
export const serverCommand = (folder: string): ServerCommand => ({
  command: process.execPath,
  args: [path.join(folder, LAUNCHER), '--settings', path.join(folder, SETTINGS)],
  env: { ELECTRON_RUN_AS_NODE: '1' },
});

/** Replaces a file as a whole, because a server may read it at any time. */
async function replaceFile(file: string, text: string): Promise<void> {
  const temporary = `${file}.${randomUUID()}`;
  await writeFile(temporary, text, { mode: 0o600 });
  await rename(temporary, file);
}
