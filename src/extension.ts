import { randomUUID } from 'node:crypto';
import { homedir } from 'node:os';
import * as vscode from 'vscode';
import { registerCommands } from './commands';
import { connectEngine } from './engine/connect';
import { redactedLog } from './engine/redact';
import { unfailingLog, type Log } from './log';
import { describe, paragraph, type MessageContext } from './messages';
import { BusyNotice } from './notebook/busy-notice';
import { SandboxController } from './notebook/controller';
import { EarlyStarts } from './notebook/early-starts';
import { EngineSource } from './notebook/sandbox/engine-source';
import { FoundSandboxes } from './notebook/sandbox/found-sandboxes';
import { ImageMaker } from './notebook/sandbox/image-maker';
import { KernelChoices } from './notebook/kernel-choices';
import { LanguageHint } from './notebook/language/language-hint';
import { registerLanguageFeatures } from './notebook/language/features';
import { NotebookMoves } from './notebook/moves';
import { readNetwork } from './notebook/network-settings';
import { ownerIn } from './notebook/sandbox/owner';
import { ProxyPassword } from './notebook/proxy-password';
import type { SessionSource } from './notebook/sandbox/session-source';
import { SandboxRecords } from './notebook/sandbox/sandbox-records';
import {
  attachSession,
  canStartEarly,
  endSandbox,
  previousSandboxOf,
  startSession,
  type Installation,
} from './notebook/sandbox/session-starter';
import { SettingsNotice } from './views/settings-notice';
import { within } from './session/time';
import { StatusBar } from './views/status-bar';

/** Milliseconds for sandboxes to be left or ended. VS Code ends the process 5 s after it has called {@link deactivate}. */
const ENDING_MS = 4_500;

let end: (() => Promise<void>) | undefined;

/** Builds the parts and wires them. No file, engine or network is touched before a notebook is in view with this kernel. */
export function activate(context: vscode.ExtensionContext): void {
  const channel = vscode.window.createOutputChannel('Sandboxed IPython', { log: true });
  const log = redactedLog(unfailingLog(channel));
  const messageContext: MessageContext = { t: vscode.l10n.t, platform: process.platform };
  const busy = new BusyNotice();
  const engines = new EngineSource(() =>
    connectEngine({
      platform: process.platform,
      env: process.env,
      home: homedir(),
      uid: process.getuid?.(),
      log,
      onBusy: (isBusy) => busy.changed(isBusy),
    }),
  );
  const explain: Installation['explain'] = (failure) => paragraph(describe(failure, messageContext));
  const password = new ProxyPassword(context.secrets, context.globalState, log);
  const installation: Installation = {
    owner: ownerOf(context, log),
    runnerFolder: context.asAbsolutePath('runner'),
    network: () => readNetwork(password, log),
    engines,
    images: new ImageMaker(),
    explain,
    log,
  };
  const records = new SandboxRecords(context.workspaceState, log);
  const source: SessionSource = {
    start: (...start) => startSession(installation, ...start),
    canStartEarly: (...start) => canStartEarly(installation, ...start),
    attach: (...attach) => attachSession(installation, ...attach),
    previousOf: (record) => previousSandboxOf(installation, record),
    end: (record, how) => endSandbox(installation, record, how),
  };
  const controller = new SandboxController(source, records, messageContext, log);
  const choices = new KernelChoices(controller);
  const { version } = context.extension.packageJSON as { version: string };
  context.subscriptions.push(
    new LanguageHint(controller),
    registerLanguageFeatures(controller),
    new StatusBar(controller),
    new SettingsNotice(controller),
    new NotebookMoves(controller, records, context.extension.id, log),
    new FoundSandboxes(controller, installation, records, context.globalState, log),
    choices,
    new EarlyStarts(controller, choices, records, log),
    registerCommands({ controller, channel, installation, password, records, messageContext, version }),
  );
  // VS Code disposes `context.subscriptions` as soon as it has called `deactivate`, whose promise it awaits: what the end of a
  // sandbox uses is disposed here instead, after that.
  end = async () => {
    records.endAllRenameWaits();
    const failures = await within(controller.sandboxes.leaveAll(), ENDING_MS, undefined);
    if (failures === undefined) {
      log.warn(`not all sandboxes were left within ${ENDING_MS / 1000} s: they end with their lease`);
    }
    for (const failure of failures ?? []) {
      log.warn(`a sandbox was not left as it should: ${String(failure)}`);
    }
    engines.dispose();
    controller.dispose();
    channel.dispose();
  };
}

/** Never rejects. */
export async function deactivate(): Promise<void> {
  const ending = end?.();
  end = undefined;
  await ending;
}

/**
 * Tells this installation's sandboxes from those of others on the same engine; asked for when an engine is first used. An installation
 * that has its owner in VS Code's state keeps it. That state is no place for a new one: two windows that are activated at once would
 * each see none and store their own.
 */
function ownerOf({ globalState, globalStorageUri }: vscode.ExtensionContext, log: Log): () => Promise<string> {
  const key = 'owner';
  let owner: Promise<string> | undefined;
  const find = async (): Promise<string> => {
    const known = globalState.get<string>(key);
    if (known !== undefined) {
      return known;
    }
    try {
      return await ownerIn(globalStorageUri.fsPath);
    } catch (error) {
      log.warn(`the owner of sandboxes cannot be stored in ${globalStorageUri.fsPath}: ${String(error)}`);
      const made = randomUUID();
      await globalState.update(key, made);
      return made;
    }
  };
  return () =>
    (owner ??= find().catch((error: unknown) => {
      owner = undefined; // the next cell tries again
      throw error;
    }));
}
