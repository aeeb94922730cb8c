import type * as vscode from 'vscode';
import { SandboxError } from '../../protocol/errors';
import type { Failure } from '../../protocol/messages';
import { asSandboxError } from '../../session/failures';
import type { SandboxSettings } from '../../session/settings';
import type { SandboxSession, SessionState } from '../../session/types';
import {
  begun,
  bound,
  liveOf,
  previousOf,
  released,
  settled,
  startOf,
  withPrevious,
  type BindingState,
} from './binding-state';
import { attachEarlier } from './attach-earlier';
import type { BindingOptions, SandboxStatus } from './binding-options';
import { EngineRecords } from './engine-records';
import { TakeoverPrompt, showNewSandboxHint } from './takeover-prompt';
import { LiveSandbox } from './live-sandbox';
import { LiveSettings } from './live-settings';
import type { SandboxRecord } from './sandbox-record';
import type { PreviousSandbox } from './session-source';
import { Starts, type Start } from './starts';
import { stateLossBetweenCells, stateLossSinceLastWindow } from './state-lost';

/** Milliseconds to wait after a notebook was closed for the event that it was renamed. */
const RENAME_WAIT_MS = 2_000;

/** Decides which sandbox a notebook has, during the life of the window and beyond it. */
export class SandboxBinding {
  readonly settings: LiveSettings;
  #state: BindingState<LiveSandbox, Start, PreviousSandbox> = { kind: 'none' };
  readonly #starts: Starts;
  #stateLoss: Failure | undefined;
  readonly #engineRecords: EngineRecords;
  readonly #takeoverPrompt: TakeoverPrompt;

  constructor(
    private readonly notebook: vscode.NotebookDocument,
    private readonly options: BindingOptions,
  ) {
    const { records, sink, log } = options;
    this.#starts = new Starts((start) => {
      this.#state = settled(this.#state, start);
      sink.changed();
    }, log);
    this.settings = new LiveSettings({ notebook, live: () => this.#live, changed: () => sink.changed(), log });
    this.#engineRecords = new EngineRecords(notebook, records);
    this.#takeoverPrompt = new TakeoverPrompt(notebook, log);
  }

  get status(): SandboxStatus {
    if (this.#live !== undefined) {
      const { session, settings } = this.#live;
      return {
        kind: session.state.kind === 'unreachable' ? 'unreachable' : 'ready',
        settings: settings.current,
        pending: this.settings.pending,
      };
    }
    return { kind: startOf(this.#state) === undefined ? 'none' : 'starting' };
  }

  /** Undefined while the notebook has no sandbox. */
  get session(): SandboxSession | undefined {
    return this.#live?.session;
  }
  /** The sandbox was started before any cell ran, and nothing has run in it since. */
  get isUnused(): boolean {
    return this.#live?.isUnused ?? false;
  }
  get installed(): readonly string[] {
    return (this.#live?.session ?? previousOf(this.#state))?.installed ?? [];
  }

  /** Returns what became of the previous sandbox if no cell could report that. Returns it only once. */
  takeStateLoss(): Failure | undefined {
    const lost = this.#stateLoss;
    this.#stateLoss = undefined;
    return lost;
  }

  /**
   * Returns the notebook's session: the current one, one attached to the sandbox of an earlier window, or a new one.
   * Rejects with a SandboxError, which is `Cancelled` when the session is no longer wanted.
   */
  async open(settings: SandboxSettings, isWanted: () => boolean = () => true): Promise<SandboxSession> {
    for (let isFirst = true; ; isFirst = false) {
      if (!isWanted()) {
        throw new SandboxError('Cancelled');
      }
      if (this.#live?.isUnused === true && this.settings.needNewSandbox(settings)) {
        await this.#end(false, this.#record);
      }
      if (this.#live !== undefined) {
        this.#live.markUsed();
        if (this.#live.settings.current.files === 'none') {
          this.settings.applied({ files: settings.files });
        }
        return this.#live.session;
      }
      const start = startOf(this.#state);
      if (isFirst && start === undefined && this.#record === undefined) {
        this.#engineRecords.restoreNewest();
      }
      const isNew = start === undefined ? this.#record === undefined : this.#state.kind === 'starting';
      const session = isNew
        ? await (start ?? this.#begin('starting', (signal) => this.#startNew(settings, signal))).forCell()
        : await this.#attachEarlierForCell();
      if (session !== undefined && this.session !== session) {
        // If the session has already ended, the cell reports that.
        return session;
      }
    }
  }

  /**
   * Starts a sandbox before a cell runs, if the notebook has none. Rejects with a SandboxError. A cell that is run
   * meanwhile waits for this sandbox. If the start fails, that cell gets the same error if the user requested the
   * start; otherwise it starts a sandbox of its own.
   * @param how `makesImage`: the user requested the start; if false, the sandbox is started only if its image exists,
   * so that nothing is built or pulled
   * @returns whether the notebook has a sandbox now
   */
  async startEarly(settings: SandboxSettings, how: { makesImage: boolean }): Promise<boolean> {
    if (this.#state.kind !== 'none' || this.#record !== undefined) {
      return false;
    }
    const session = await this.#begin(
      'starting',
      async (signal) =>
        (await this.options.source.canStartEarly(this.notebook, settings, how))
          ? this.#startNew(settings, signal, { isUnused: true })
          : undefined,
      how.makesImage,
    ).session;
    if (session === undefined) {
      await this.reattach();
    }
    return session !== undefined;
  }

  /**
   * Returns the session of this window or of the sandbox that an earlier window left; undefined if there is none.
   * Cancels the start of a new sandbox. Rejects with a SandboxError if the sandbox cannot be looked up.
   */
  async find(): Promise<SandboxSession | undefined> {
    if (this.#live !== undefined) {
      return this.#live.session;
    }
    this.cancel();
    return this.#record === undefined && startOf(this.#state) === undefined ? undefined : this.#attachEarlier();
  }

  /**
   * Attaches to the sandbox of an earlier window, if there is one. Never rejects: the next cell reports the problem.
   */
  async reattach(how = { takeOver: false }): Promise<void> {
    if (
      this.#live?.isUnused === true &&
      this.#record !== undefined &&
      this.#record.sandboxId !== this.#live.session.id
    ) {
      // The notebook was renamed, and the sandbox that is recorded for its new name may hold work.
      await this.#end(false, undefined);
    }
    const { kind } = this.#state;
    if ((kind !== 'none' && kind !== 'ended') || this.#record === undefined) {
      return;
    }
    try {
      await this.#attachEarlier({ ...how, asks: how.takeOver || this.#record.unused !== true });
    } catch (error) {
      const failure = asSandboxError(error);
      this.options.log.warn(`not attached again: ${failure.message}`);
      if (how.takeOver) {
        // The user has asked to take the sandbox over.
        this.options.sink.warn(failure);
      }
    }
  }

  /** Resolves when no attempt to attach to an earlier sandbox is under way. */
  async waitForLookup(): Promise<void> {
    if (this.#state.kind === 'looking') {
      await this.#state.start.session.catch(() => undefined);
    }
  }

  /** The document has changed. VS Code saves it later. */
  documentChanged(): void {
    this.#live?.documentChanged();
  }

  /**
   * Cancels the start of a new sandbox. An attempt to attach to an earlier sandbox goes on, because cells run in that
   * sandbox.
   */
  cancel(): void {
    if (this.#state.kind === 'starting') {
      this.#release();
    }
  }

  /**
   * Ends the sandbox, also one of an earlier window. With `keepLibraries`, the next sandbox takes over its libraries.
   * Rejects and keeps the record if the sandbox of an earlier window cannot be ended.
   * @param lost what the next cell reports about the ended sandbox
   */
  async close({ keepLibraries, lost }: { keepLibraries: boolean; lost?: Failure }): Promise<void> {
    await this.#end(keepLibraries, this.#record);
    this.#stateLoss = lost ?? this.#stateLoss;
  }

  /**
   * Leaves the sandbox running for a later window or for the notebook's new name. Ends the sandbox and removes its
   * libraries if no window could find them again.
   */
  async leave(): Promise<void> {
    const record = this.#record;
    const { isClosed, isUntitled } = this.notebook;
    const isOver = record !== undefined && (record.keepAlive === 0 || this.isUnused || (isClosed && isUntitled));
    if (isOver && !(isClosed && (await this.options.records.awaitRename(this.notebook.uri, record, RENAME_WAIT_MS)))) {
      await this.#end(false, record);
      return;
    }
    const live = this.#release();
    const previous = previousOf(this.#state);
    this.#state = withPrevious(this.#state, undefined);
    live?.record();
    live?.stopListening();
    await live?.session.detach();
    await this.#starts.settled(); // a start may use the libraries of the previous sandbox
    await previous?.dispose(); // no record leads to its libraries
    this.options.sink.changed();
  }

  // ------------------------------------------------------------------------------------------- starting and attaching

  get #live(): LiveSandbox | undefined {
    return liveOf(this.#state);
  }

  get #record(): SandboxRecord | undefined {
    return this.options.records.get(this.notebook.uri);
  }

  #begin(kind: 'starting' | 'looking', ...[work, isRequested]: Parameters<Starts['begin']>): Start {
    const start = this.#starts.begin(work, isRequested);
    this.#state = begun(this.#state, kind, start);
    this.options.sink.changed();
    return start;
  }

  /** Attaches to the sandbox of an earlier window. Returns undefined if that sandbox is gone. */
  async #attachEarlier(how = { takeOver: false, asks: true }): Promise<SandboxSession | undefined> {
    try {
      return await (startOf(this.#state) ?? this.#begin('looking', (signal) => this.#attachRecorded(signal, how)))
        .session;
    } catch (error) {
      if (asSandboxError(error).code === 'InUse' && how.asks) {
        this.#askForTakeover();
      }
      throw error;
    }
  }

  /**
   * Does the same for a cell that is run. If the sandbox is on another engine, it stays there, and the cell gets a
   * sandbox on the engine that answers.
   */
  async #attachEarlierForCell(): Promise<SandboxSession | undefined> {
    try {
      return await this.#attachEarlier();
    } catch (error) {
      if (!(error instanceof SandboxError) || error.code !== 'OtherEngine') {
        throw error;
      }
      this.#setAside(error);
      return undefined;
    }
  }

  /**
   * Leaves the notebook's sandbox on its engine, which is not the one that answers. The next cell reports that unless
   * the user has already been told.
   */
  #setAside({ params, message }: SandboxError, isTold = false): void {
    const record = this.#record;
    if (record === undefined) {
      // The record now belongs to the notebook's new name.
      return;
    }
    this.options.log.info(`the notebook's sandbox is on another engine: ${message}`);
    this.#engineRecords.setAside(record);
    const isNews = this.#engineRecords.isFirstReport(record);
    if (isNews && !isTold && record.unused !== true) {
      this.#stateLoss = { code: 'OtherEngine', params: { ...params, minutes: record.keepAlive, started: true } };
    }
  }

  #attachRecorded(signal: AbortSignal, how: { takeOver: boolean }): Promise<SandboxSession | undefined> {
    const { source, sink } = this.options;
    return attachEarlier(
      {
        record: () => this.#record,
        engineRecords: this.#engineRecords,
        source,
        sink,
        attached: (session, { settings, seq, unused }) =>
          this.#bind(session, settings, { seq, isUnused: unused === true }),
        gone: (record, failure) => this.#forgetEarlier(record, failure),
      },
      signal,
      how,
    );
  }

  async #startNew(
    settings: SandboxSettings,
    signal: AbortSignal,
    how = { isUnused: false },
  ): Promise<SandboxSession | undefined> {
    const previous = previousOf(this.#state);
    const session = await this.options.source.start(this.notebook, settings, {
      signal,
      previous,
      onCreated: (created) => this.options.sink.created(created, settings, how),
    });
    if (signal.aborted) {
      // The start was cancelled, and another one may be under way by now.
      await session.dispose({ keepLibraries: session.libraries === previous?.libraries });
      throw new SandboxError('Cancelled');
    }
    if (how.isUnused && this.#record !== undefined) {
      // The notebook was renamed meanwhile, and its new name has a recorded sandbox.
      await session.dispose();
      return undefined;
    }
    this.#bind(session, settings, { seq: 0, ...how });
    return session;
  }

  /** Removes the record of an earlier window's sandbox that is gone or cannot be used by this window. */
  #forgetEarlier(record: SandboxRecord, failure: SandboxError): void {
    this.options.log.info(`the sandbox of an earlier window is gone: ${failure.message}`);
    if (record.unused !== true) {
      this.#stateLoss = stateLossSinceLastWindow(record, failure);
    }
    this.#state = withPrevious(this.#state, this.options.source.previousOf(record));
    this.options.records.remove(this.notebook.uri, record.sandboxId);
  }

  async #end(keepLibraries: boolean, record: SandboxRecord | undefined): Promise<void> {
    const live = this.#release();
    const earlier = live === undefined ? record : undefined;
    if (record !== undefined) {
      this.options.records.remove(this.notebook.uri, record.sandboxId);
    }
    if (earlier !== undefined) {
      try {
        await this.options.source.end(earlier);
      } catch (error) {
        if (this.#record === undefined) {
          this.options.records.set(this.notebook.uri, earlier);
        }
        throw error;
      }
    }
    const previous = previousOf(this.#state);
    const ended = live?.session ?? (earlier && this.options.source.previousOf(earlier));
    this.#state = withPrevious(this.#state, keepLibraries ? (ended ?? previous) : undefined);
    this.options.sink.changed();
    await Promise.all([ended?.dispose({ keepLibraries }), this.#starts.settled()]);
    if (!keepLibraries) {
      await previous?.dispose();
    }
    live?.stopListening();
  }

  // ------------------------------------------------------------------------------------------------- the live session

  #bind(session: SandboxSession, settings: SandboxSettings, how: { seq: number; isUnused: boolean }): void {
    const sandbox = new LiveSandbox(session, {
      notebook: this.notebook,
      records: this.options.records,
      settings,
      ...how,
      listener: {
        event: (event) => this.options.sink.event(event),
        state: (of, state) => this.#stateChanged(of, state),
      },
    });
    this.#state = bound(this.#state, sandbox);
    if (session.state.kind !== 'ready') {
      // The session ended or lost its stream before the listeners were added.
      this.#stateChanged(session, session.state);
    }
  }

  /** Cancels the start that is under way, or stops recording the live sandbox, which it returns. */
  #release(): LiveSandbox | undefined {
    const state = this.#state;
    this.#state = released(state);
    startOf(state)?.cancel();
    const live = liveOf(state);
    live?.stopRecording();
    return live;
  }

  #stateChanged(session: SandboxSession, state: SessionState): void {
    if (state.kind === 'gone' && this.#live?.session === session) {
      const { settings, isUnused } = this.#live;
      if (state.failure.code === 'OtherEngine') {
        // The record says that the sandbox may have lived until now.
        this.#live.record();
      }
      this.#release();
      if (state.failure.code === 'InUse') {
        this.options.sink.gone();
        if (this.#record?.sandboxId === session.id) {
          // Otherwise this window uses the sandbox under the notebook's new name.
          this.#askForTakeover();
        }
      } else if (state.failure.code === 'OtherEngine') {
        const isTold = this.options.sink.gone() || isUnused;
        this.#setAside(state.failure, isTold);
        if (!isTold) {
          this.options.sink.warn(state.failure);
        }
      } else {
        this.options.records.remove(this.notebook.uri, session.id);
        this.#state = withPrevious(this.#state, session);
        if (!this.options.sink.gone() && !isUnused) {
          this.#reportStateLoss(state.failure, settings.current);
        }
      }
    }
    if (state.kind === 'unreachable' && !this.isUnused) {
      this.options.sink.unreachable(state.failure);
    }
    this.options.sink.changed();
  }

  /**
   * Reports that the sandbox ended while no cell ran. Without a message the user would only notice that variables are
   * missing.
   */
  #reportStateLoss(failure: SandboxError, settings: SandboxSettings): void {
    this.#stateLoss = stateLossBetweenCells(failure, settings);
    if (failure.params['reason'] !== 'idle') {
      this.options.sink.warn(failure);
    }
  }

  #askForTakeover(): void {
    const used = this.#record?.sandboxId;
    this.#takeoverPrompt.ask(async (which) => {
      if (which === 'here') {
        await this.reattach({ takeOver: true });
      } else if (used !== undefined) {
        this.options.records.remove(this.notebook.uri, used);
        showNewSandboxHint(this.notebook);
      }
    });
  }
}
