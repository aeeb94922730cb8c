import { randomUUID } from 'node:crypto';
import { homedir } from 'node:os';
import * as vscode from 'vscode';
import { registerCommands } from './commands';
import { connectEngine } from './engine/connect';
import { redactedLog } from './engine/redact';
import { unfailingLog, type Log } from './log';
import { describe, paragraph, type MessageContext } from './messages';
import { McpOffer } from './mcp/offer';
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

/** Time limit for leaving or ending sandboxes. VS Code ends the process 5 s after it has called {@link deactivate}. */
const ENDING_MS = 4_500;

let end: (() => Promise<void>) | undefined;

/** Creates the parts and connects them. No file, engine or network is used before a notebook with this kernel is in view. */
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
  const mcp = new McpOffer(context, version, installation.owner, log);
  context.subscriptions.push(
    mcp,
    new LanguageHint(controller),
    registerLanguageFeatures(controller),
    new StatusBar(controller),
    new SettingsNotice(controller),
    new NotebookMoves(controller, records, context.extension.id, log),
    new FoundSandboxes({ controller, installation, records, memento: context.globalState, log }),
    choices,
    new EarlyStarts(controller, choices, records, log),
    registerCommands({ controller, channel, installation, password, records, mcp, messageContext, version }),
  );
  // VS Code disposes `context.subscriptions` directly after it has called `deactivate`, and only then waits for the promise of
  // `deactivate`. What is needed to end a sandbox is therefore disposed here, after the sandboxes were left or ended.
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
 * Returns a function that gives the owner id, which marks the sandboxes of this installation on an engine that others use too. It is called
 * when an engine is first used. An installation that has an owner in VS Code's state keeps it. A new owner is not stored there, because two
 * windows that are activated at the same time would both find none and each store their own.
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
