import { randomUUID } from 'node:crypto';
import { homedir } from 'node:os';
import * as vscode from 'vscode';
import { registerCommands } from './commands';
import { connectEngine } from './engine/connect';
import type { Surroundings } from './messages';
import { SandboxController } from './notebook/controller';
import { EngineSource } from './notebook/engine-source';
import { LanguageHint } from './notebook/language-hint';
import { startSession, type Installation } from './notebook/session-starter';

let end: (() => Promise<void>) | undefined;

/** Builds the parts and wires them. No file, engine or network is touched before the first cell runs. */
export function activate(context: vscode.ExtensionContext): void {
  const log = vscode.window.createOutputChannel('Sandboxed IPython', { log: true });
  const surroundings: Surroundings = { t: vscode.l10n.t, platform: process.platform };
  const engines = new EngineSource(() => connectEngine({
    platform: process.platform, env: process.env, home: homedir(), uid: process.getuid?.(), log,
  }));
  const installation: Installation = { owner: ownerOf(context), runnerFolder: context.asAbsolutePath('runner'), engines, log };
  const controller = new SandboxController((notebook, settings, signal) => startSession(installation, notebook, settings, signal), surroundings, log);
  context.subscriptions.push(log, controller, new LanguageHint(controller), registerCommands(controller, log));
  // sandboxes go before the engine's connection that removes them
  end = async () => {
    await controller.sandboxes.dispose();
    engines.dispose();
  };
}

export async function deactivate(): Promise<void> {
  await end?.();
  end = undefined;
}

/** Tells this installation's sandboxes from those of others on the same engine. */
function ownerOf(context: vscode.ExtensionContext): string {
  const key = 'owner';
  const known = context.globalState.get<string>(key);
  if (known !== undefined) { return known; }
  const owner = randomUUID();
  void context.globalState.update(key, owner);
  return owner;
}
