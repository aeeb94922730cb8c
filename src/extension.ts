import { randomUUID } from 'node:crypto';
import { homedir } from 'node:os';
import * as vscode from 'vscode';
import { registerCommands } from './commands';
import { connectEngine } from './engine/connect';
import { redactedLog } from './engine/redact';
import { describe, paragraph, type Surroundings } from './messages';
import { SandboxController } from './notebook/controller';
import { EngineSource } from './notebook/engine-source';
import { FoundSandboxes } from './notebook/found-sandboxes';
import { LanguageHint } from './notebook/language-hint';
import { registerLanguageFeatures } from './notebook/language/features';
import { NotebookMoves } from './notebook/moves';
import type { SessionSource } from './notebook/session-source';
import { SandboxRecords } from './notebook/sandbox-records';
import { attachSession, endSandbox, leftBehind, startSession, type Installation } from './notebook/session-starter';
import { SettingsNotice } from './views/settings-notice';
import { StatusBar } from './views/status-bar';

let end: (() => Promise<void>) | undefined;

/** Builds the parts and wires them. No file, engine or network is touched before the first cell runs. */
export function activate(context: vscode.ExtensionContext): void {
  const channel = vscode.window.createOutputChannel('Sandboxed IPython', { log: true });
  const log = redactedLog(channel);
  const surroundings: Surroundings = { t: vscode.l10n.t, platform: process.platform };
  const engines = new EngineSource(() => connectEngine({
    platform: process.platform, env: process.env, home: homedir(), uid: process.getuid?.(), log,
  }));
  const explain: Installation['explain'] = (failure) => paragraph(describe(failure, surroundings));
  const installation: Installation = { owner: ownerOf(context), runnerFolder: context.asAbsolutePath('runner'), engines, explain, log };
  const records = new SandboxRecords(context.workspaceState);
  const source: SessionSource = {
    start: (...start) => startSession(installation, ...start),
    attach: (...attach) => attachSession(installation, ...attach),
    left: (record) => leftBehind(installation, record),
    end: (record) => endSandbox(installation, record),
  };
  const controller = new SandboxController(source, records, surroundings, log);
  const { version } = context.extension.packageJSON as { version: string };
  context.subscriptions.push(
    channel, controller, new LanguageHint(controller), registerLanguageFeatures(controller), new StatusBar(controller), new SettingsNotice(controller),
    new NotebookMoves(controller, records, context.extension.id, log), new FoundSandboxes(controller, installation, records, context.globalState, log),
    registerCommands(controller, { channel, installation, records, surroundings, version }),
  );
  // sandboxes are left, or go, before the engine's connection that removes them
  end = async () => {
    records.settleAll();
    await controller.sandboxes.leaveAll();
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
