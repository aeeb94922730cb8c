import type * as vscode from 'vscode';
import type { Engine, ImageRequest } from '../../engine/engine';
import type { InstallNetwork } from '../../engine/image/install-network';
import { engineName } from '../../engine/identity';
import type { Log } from '../../log';
import { SandboxError } from '../../protocol/errors';
import { removeWithRetries } from '../../session/life/removal';
import { ContainerSession } from '../../session/session';
import type { SandboxSettings } from '../../session/settings';
import type { SandboxSession } from '../../session/types';
import type { EngineSource } from './engine-source';
import { attachAsFormerHost, hasEnded } from './former-host';
import type { ImageMaker } from './image-maker';
import { offerReinstall } from '../library-offers';
import { isExpired } from './records-elsewhere';
import type { AttachOptions, PreviousSandbox, StartOptions } from './session-source';
import type { SandboxRecord } from './sandbox-record';

export interface Installation {
  /** Random id of this installation of the extension. */
  owner: () => Promise<string>;
  runnerFolder: string;
  /** How the containers of this installation reach the package index. Rejects with a SandboxError, `SettingInvalid`. */
  network: () => Promise<InstallNetwork>;
  engines: EngineSource;
  images: ImageMaker;
  /** Turns a failure into a text for users. */
  explain: (failure: SandboxError) => string;
  log: Log;
}

/** Seconds that a sandbox outlives a window that was killed, even if its setting says that it ends with the window. */
const MIN_LEASE_SECONDS = 60;

/**
 * Starts a sandbox for the notebook and resolves when it can run cells. It takes over the libraries of a previous
 * sandbox with the same image. Rejects with a SandboxError.
 */
export async function startSession(
  installation: Installation,
  notebook: vscode.NotebookDocument,
  settings: SandboxSettings,
  options: StartOptions,
): Promise<SandboxSession> {
  const { signal, previous, onCreated } = options;
  const { network, engines, images, explain, log } = installation;
  const { lastKnown } = engines;
  /** Aborts work that was begun on the last known engine and turned out to be useless. */
  const discardEarly = new AbortController();
  try {
    const asked = imageRequest(installation, settings);
    const imageOf = async (one: Engine, stop: AbortSignal): Promise<string> => images.ensure(one, await asked, stop);
    // The image is prepared while `engines.get()` checks that the engine is still there.
    const early = lastKnown && imageOf(lastKnown, AbortSignal.any([signal, discardEarly.signal]));
    early?.catch(() => undefined);
    const [engine, owner] = await Promise.all([engines.get(), installation.owner(), asked]);
    signal.throwIfAborted();
    if (engine !== lastKnown) {
      discardEarly.abort();
    }
    const image = await (early !== undefined && engine === lastKnown ? early : imageOf(engine, signal));
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
      void previous.dispose(); // no cell waits for this, and it never rejects
      offerReinstall(notebook, previous);
    }
    return session;
  } catch (error) {
    if (error instanceof SandboxError && error.code.startsWith('Engine')) {
      engines.forget();
    }
    // The engine has gone since it was found. Another attempt finds another engine or reports what was tried.
    if (
      error instanceof SandboxError &&
      error.code === 'EngineNotFound' &&
      lastKnown !== undefined &&
      !signal.aborted
    ) {
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
  ): ContainerSession {
    return ContainerSession.start(
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

/**
 * Attaches to the sandbox of an earlier window. Resolves when its whole log was replayed. Rejects with a SandboxError,
 * which is `SandboxGone` if the sandbox does not exist.
 */
export async function attachSession(
  { owner, network, engines, explain, log }: Installation,
  record: SandboxRecord,
  { onReplay, signal, takeOver }: AttachOptions,
): Promise<SandboxSession> {
  try {
    const engine = await engines.get();
    const sandbox = (await engine.findSandboxes(await owner())).find(({ sandboxId }) => sandboxId === record.sandboxId);
    if (sandbox === undefined) {
      engine.holdLibraries(record.libraries); // the notebook is open and may still need them
      throw notFound(record, engine);
    }
    engine.holdLibraries(sandbox.libraries);
    const { boot, settings, installed, image, open = [] } = record;
    return await attachAsFormerHost(
      record,
      async (host) => {
        const session = ContainerSession.attach(
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

/** Whether the sandbox may live on an engine other than the one that answers now. */
const isElsewhere = (record: SandboxRecord, engine: Engine): boolean =>
  record.engine !== '' && record.engine !== engine.info.id && !isExpired(record);

/** The reason why the engine does not list the sandbox: it has ended, or it is on another engine. */
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

/** Describes what an ended sandbox has left on the engine, which may still be removing its container. */
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
          // Another engine has no libraries of that name. The sweep of the right engine removes them.
          await engine.removeLibraries(libraries);
        }
      },
      log,
    );
  },
});

/** Makes the image of these settings if it does not exist. Rejects with a SandboxError, which may be `Cancelled`. */
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

/** Rebuilds the image from what the registry and the package index offer now. Running sandboxes keep their image. */
export async function rebuildImage(
  installation: Installation,
  settings: SandboxSettings,
  signal: AbortSignal,
): Promise<void> {
  const engine = await installation.engines.get();
  const request = await imageRequest(installation, settings);
  await installation.images.rebuild(engine, request, signal);
}

/**
 * Builds the image request from the settings and this computer's network.
 * @throws SandboxError `SettingInvalid`
 */
export async function imageRequest(
  { runnerFolder, network }: Pick<Installation, 'runnerFolder' | 'network'>,
  settings: SandboxSettings,
): Promise<ImageRequest> {
  return { base: settings.image, packages: settings.packages, runnerFolder, network: await network() };
}
