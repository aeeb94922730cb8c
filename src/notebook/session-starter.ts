import { readFile } from 'node:fs/promises';
import * as vscode from 'vscode';
import type { Engine } from '../engine/engine';
import { machineCertificates } from '../engine/image/certificates';
import type { Progress } from '../engine/progress';
import type { Log } from '../log';
import { stepText } from '../messages';
import { SandboxError } from '../protocol/errors';
import { InteractiveSandboxSession } from '../session/session';
import type { SandboxSettings } from '../session/settings';
import type { SandboxSession } from '../session/types';
import { SECTION } from './configuration';
import type { EngineSource } from './engine-source';

export interface Installation {
  /** Random id of this installation of the extension. */
  owner: string;
  runnerFolder: string;
  engines: EngineSource;
  log: Log;
}

/** A sandbox lives this long without a window that is attached to it. */
const LEASE_SECONDS = 10 * 60;

/** A sandbox for this notebook, ready to run cells. Rejects with a SandboxError. */
export async function startSession(
  { owner, runnerFolder, engines, log }: Installation, notebook: vscode.NotebookDocument, settings: SandboxSettings, signal: AbortSignal,
): Promise<SandboxSession> {
  try {
    const engine = await engines.get();
    signal.throwIfAborted();
    const request = { base: settings.image, packages: settings.packages, runnerFolder, caBundle: await readCaBundle(log) };
    const image = await withProgress((progress, stop) => engine.ensureImage(request, progress, stop), signal);
    const session = start(engine, image);
    await session.started;
    return session;
  } catch (error) {
    if (error instanceof SandboxError && error.code.startsWith('Engine')) { engines.forget(); }
    if (signal.aborted) { throw new SandboxError('Cancelled', {}, { cause: error }); }
    throw error;
  }

  function start(engine: Engine, image: string): InteractiveSandboxSession {
    return InteractiveSandboxSession.start(engine, {
      image, owner, notebookHint: notebook.uri.toString(), settings, lease: LEASE_SECONDS, log,
    }, signal);
  }
}

/** Shows the steps in a notification that can cancel, but only when there is a step: most starts find their image made. */
async function withProgress<T>(work: (progress: Progress, signal: AbortSignal) => Promise<T>, signal: AbortSignal): Promise<T> {
  const cancelled = new AbortController();
  let report: ((step: string) => void) | undefined;
  let done: (() => void) | undefined;
  const open = (first: string): void => {
    const options = { location: vscode.ProgressLocation.Notification, cancellable: true, title: vscode.l10n.t('Preparing the sandbox image (once)') };
    void vscode.window.withProgress(options, (progress, token) => {
      token.onCancellationRequested(() => cancelled.abort());
      report = (message) => progress.report({ message });
      report(first);
      return new Promise<void>((resolve) => { done = resolve; });
    });
  };
  const step = (code: string, detail?: string): void => {
    const text = stepText(code, detail, vscode.l10n.t);
    if (report === undefined) { open(text); } else { report(text); }
  };
  try {
    return await work({ step }, AbortSignal.any([signal, cancelled.signal]));
  } catch (error) {
    if (cancelled.signal.aborted) { throw new SandboxError('Cancelled', {}, { cause: error }); }
    throw error;
  } finally {
    done?.();
  }
}

/** The setting's file, or the one that the environment names for other programs. */
async function readCaBundle(log: Log): Promise<string | undefined> {
  const file = vscode.workspace.getConfiguration(SECTION).inspect<string>('caBundle')?.globalValue ?? '';
  if (file === '') { return machineCertificates(process.env, log); }
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new SandboxError('SettingInvalid', { setting: 'caBundle', value: file, allowed: 'a PEM file that can be read' }, { cause: error, setting: 'caBundle' });
  }
}
