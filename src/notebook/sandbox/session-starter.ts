import type * as vscode from 'vscode';
import type { Engine, ImageRequest } from '../../engine/engine';
import type { InstallNetwork } from '../../engine/image/install-network';
import { engineName } from '../../engine/identity';
import type { Log } from '../../log';
import { SandboxError } from '../../protocol/errors';
import type { SandboxEvent } from '../../protocol/messages';
import { removeWithRetries } from '../../session/removal';
import { InteractiveSandboxSession } from '../../session/session';
import type { SandboxSettings } from '../../session/settings';
import type { AttachedCell, SandboxSession } from '../../session/types';
import type { EngineSource } from './engine-source';
import { attachAsFormerHost, hasEnded } from './former-host';
import type { ImageMaker } from './image-maker';
import { offerReinstall } from '../library-offers';
import { isExpired } from './records-elsewhere';
import type { PreviousSandbox, StartOptions } from './session-source';
import type { SandboxRecord } from './sandbox-records';

export interface Installation {
  /** Random id of this installation of the extension. */
  owner: () => Promise<string>;
  runnerFolder: string;
  /** How its containers reach the package index. Rejects with a SandboxError, `SettingInvalid`. */
  network: () => Promise<InstallNetwork>;
  engines: EngineSource;
  images: ImageMaker;
  /** A failure in words. */
  explain: (failure: SandboxError) => string;
  log: Log;
}

/** Seconds that a sandbox lives whose window was killed, where it should have ended with it. */
const MIN_LEASE_SECONDS = 60;

/** A sandbox for this notebook, ready to run cells, with the libraries of a previous one on the same image. Rejects with a SandboxError. */
export async function startSession(
  installation: Installation,
  notebook: vscode.NotebookDocument,
  settings: SandboxSettings,
  options: StartOptions,
): Promise<SandboxSession> {
  const { signal, previous, onCreated } = options;
  const { network, engines, images, explain, log } = installation;
  const { known } = engines;
  /** Aborts when what was begun on the known engine is of no use. */
  const discardEarly = new AbortController();
  try {
    const asked = imageRequest(installation, settings);
    const imageOf = async (one: Engine, stop: AbortSignal): Promise<string> => images.ensure(one, await asked, stop);
    // while it is asked whether it is still there
    const early = known && imageOf(known, AbortSignal.any([signal, discardEarly.signal]));
    early?.catch(() => undefined);
    const [engine, owner] = await Promise.all([engines.get(), installation.owner(), asked]);
    signal.throwIfAborted();
    if (engine !== known) {
      discardEarly.abort();
    }
    const image = await (early !== undefined && engine === known ? early : imageOf(engine, signal));
    const takenOver =
      previous?.image === image &&
      ['', engine.info.id].includes(previous.engine) &&
      (await engine.hasLibraries(previous.libraries))
        ? previous
        : undefined;
    const session = start(engine, owner, image, takenOver);
    onCreated(session);
    try {
      await session.started;
    } catch (error) {
      await session.dispose({ keepLibraries: takenOver !== undefined });
      throw error;
    }
    if (previous !== undefined && takenOver === undefined) {
      void previous.dispose(); // no cell waits for it; it never rejects
      offerReinstall(notebook, previous);
    }
    return session;
  } catch (error) {
    if (error instanceof SandboxError && error.code.startsWith('Engine')) {
      engines.forget();
    }
    // it went since it was found: look once more, which finds another or says what was tried
    if (error instanceof SandboxError && error.code === 'EngineNotFound' && known !== undefined && !signal.aborted) {
      return startSession(installation, notebook, settings, options);
    }
    if (signal.aborted) {
      throw new SandboxError('Cancelled', {}, { cause: error });
    }
    throw error;
  } finally {
    discardEarly.abort();
  }

  function start(
    engine: Engine,
    owner: string,
    image: string,
    takenOver: PreviousSandbox | undefined,
  ): InteractiveSandboxSession {
    return InteractiveSandboxSession.start(
      engine,
      {
        image,
        owner,
        notebookHint: notebook.uri.toString(),
        settings,
        lease: Math.max(MIN_LEASE_SECONDS, settings.keepAlive * 60),
        idle: settings.idleTimeout * 60,
        network,
        explain,
        log,
        ...(takenOver && { previous: takenOver }),
      },
      signal,
    );
  }
}

/** See `SessionSource.canStartEarly`. */
export async function canStartEarly(
  { owner, runnerFolder, engines }: Installation,
  notebook: vscode.NotebookDocument,
  settings: SandboxSettings,
  { makesImage }: { makesImage: boolean },
): Promise<boolean> {
  try {
    const engine = await engines.get();
    const request = {
      base: settings.image,
      packages: settings.packages,
      runnerFolder,
      network: { proxies: {}, certificates: undefined },
    };
    const isMade = makesImage || (await engine.findImages(request)).derived !== null;
    if (!isMade || notebook.isUntitled) {
      return isMade;
    }
    const uri = notebook.uri.toString();
    return (await engine.findSandboxes(await owner())).every(({ notebookHint }) => notebookHint !== uri);
  } catch (error) {
    if (error instanceof SandboxError && error.code.startsWith('Engine')) {
      engines.forget();
    }
    throw error;
  }
}

/** The sandbox of an earlier window; resolves when its whole log was told. Rejects with a SandboxError, `SandboxGone` if it is not there. */
export async function attachSession(
  { owner, network, engines, explain, log }: Installation,
  record: SandboxRecord,
  onReplay: (event: SandboxEvent, open: readonly AttachedCell[]) => void,
  signal: AbortSignal,
  { takeOver }: { takeOver: boolean },
): Promise<SandboxSession> {
  try {
    const engine = await engines.get();
    const sandbox = (await engine.findSandboxes(await owner())).find(({ sandboxId }) => sandboxId === record.sandboxId);
    if (sandbox === undefined) {
      engine.holdLibraries(record.libraries); // the notebook is open
      throw notFound(record, engine);
    }
    engine.holdLibraries(sandbox.libraries);
    const { boot, settings, installed, image, open = [] } = record;
    return await attachAsFormerHost(
      record,
      async (host) => {
        const session = InteractiveSandboxSession.attach(
          engine,
          {
            sandbox: { ...sandbox, image },
            boot,
            settings,
            installed,
            open,
            takeOver,
            ...(host !== undefined && { host }),
            network,
            explain,
            log,
          },
          signal,
        );
        const hearing = session.onEvent((event) => {
          onReplay(event, session.cells);
        });
        await session.started;
        hearing.dispose();
        return session;
      },
      signal,
    );
  } catch (error) {
    if (error instanceof SandboxError && error.code.startsWith('Engine')) {
      engines.forget();
    }
    throw error;
  }
}

/** It may live on an engine that is not the one which answers now. */
const isElsewhere = (record: SandboxRecord, engine: Engine): boolean =>
  record.engine !== '' && record.engine !== engine.info.id && !isExpired(record);

/** Why the engine does not list the sandbox: it has ended, or it is another engine's. */
const notFound = (record: SandboxRecord, engine: Engine): SandboxError =>
  isElsewhere(record, engine)
    ? new SandboxError('OtherEngine', {
        engine: record.engineName,
        here: engineName(engine.info),
        hereId: engine.info.id,
        minutes: record.keepAlive,
      })
    : new SandboxError('SandboxGone', { reason: 'removed' });

/** See `SessionSource.end`. */
export async function endSandbox(
  { owner, engines }: Installation,
  record: SandboxRecord,
  { isOurs } = { isOurs: false },
): Promise<void> {
  if (!isOurs && !hasEnded(record)) {
    throw new SandboxError('InUse');
  }
  try {
    const engine = await engines.get();
    const sandbox = (await engine.findSandboxes(await owner())).find(({ sandboxId }) => sandboxId === record.sandboxId);
    if (sandbox === undefined && isElsewhere(record, engine)) {
      throw notFound(record, engine);
    }
    if (sandbox !== undefined) {
      await engine.remove(sandbox.containerId);
    }
  } catch (error) {
    if (error instanceof SandboxError && error.code.startsWith('Engine')) {
      engines.forget();
    }
    throw error;
  }
}

/** What a sandbox that is gone has left on the engine, which may not be done with its container yet. */
export const previousSandboxOf = (
  { engines, log }: Pick<Installation, 'engines' | 'log'>,
  { engine: id, image, libraries, installed }: SandboxRecord,
): PreviousSandbox => ({
  engine: id,
  image,
  libraries,
  installed,
  dispose: async ({ keepLibraries = false } = {}) => {
    if (keepLibraries) {
      return;
    }
    await removeWithRetries(
      `libraries ${libraries}`,
      async () => {
        const engine = await engines.get();
        if (['', engine.info.id].includes(id)) {
          await engine.removeLibraries(libraries);
        } // another one has none of that name; this one's sweep removes them
      },
      log,
    );
  },
});

/** Makes the image of these settings unless it is there. Rejects with a SandboxError, `Cancelled` too. */
export async function prepareImage(
  installation: Installation,
  settings: SandboxSettings,
  signal: AbortSignal,
): Promise<void> {
  const { engines, images } = installation;
  try {
    await images.ensure(await engines.get(), await imageRequest(installation, settings), signal);
  } catch (error) {
    if (error instanceof SandboxError && error.code.startsWith('Engine')) {
      engines.forget();
    }
    throw error;
  }
}

/** Makes the image anew from what the registry and the package index have now. Sandboxes that run keep theirs. */
export async function rebuildImage(
  installation: Installation,
  settings: SandboxSettings,
  signal: AbortSignal,
): Promise<void> {
  const engine = await installation.engines.get();
  const request = await imageRequest(installation, settings);
  await installation.images.rebuild(engine, request, signal);
}

/** What the settings and this machine say about the image. @throws SandboxError `SettingInvalid` */
export async function imageRequest(
  { runnerFolder, network }: Pick<Installation, 'runnerFolder' | 'network'>,
  settings: SandboxSettings,
): Promise<ImageRequest> {
  return { base: settings.image, packages: settings.packages, runnerFolder, network: await network() };
}
