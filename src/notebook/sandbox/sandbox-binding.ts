import type * as vscode from 'vscode';
import { silentLog, type Log } from '../../log';
import { SandboxError } from '../../protocol/errors';
import type { Failure, SandboxEvent } from '../../protocol/messages';
import { asSandboxError } from '../../session/failures';
import type { FilesSetting, SandboxSettings } from '../../session/settings';
import type { SandboxSession, SessionState } from '../../session/types';
import { NOTHING_PENDING, type PendingSettings } from './applied-settings';
import { readSettings } from '../configuration';
import { EngineRecords } from './engine-records';
import { TakeoverPrompt, showNewSandboxHint } from './takeover-prompt';
import { LiveSandbox } from './live-sandbox';
import type { LogReplay } from '../execution/restored-runs';
import type { SandboxRecord, SandboxRecords } from './sandbox-records';
import type { PreviousSandbox, SessionSource } from './session-source';
import { Starts } from './starts';
import { stateLossBetweenCells, stateLossSinceLastWindow } from './state-lost';

/** What a user can see of a notebook's sandbox. */
export type SandboxStatus =
  | { kind: 'none' | 'starting' }
  | { kind: 'ready' | 'unreachable'; settings: SandboxSettings; pending: PendingSettings };

export interface BindingSink {
  /** A session is being started. `isUnused`: it may be that no cell ever runs in it. */
  created(session: SandboxSession, settings: SandboxSettings, how: { isUnused: boolean }): void;
  /** A session attaches to a sandbox that ran. The document surely shows what its log has up to `seq`. */
  beginReplay(seq: number): LogReplay;
  event(event: SandboxEvent): void;
  /** The sandbox has ended. True: a cell that ran says it. */
  gone(): boolean;
  /** The sandbox does not answer; it may still come back. */
  unreachable(failure: SandboxError): void;
  /** Trouble that no cell can say. */
  warn(failure: SandboxError): void;
  /** {@link SandboxBinding.status} may be different. */
  changed(): void;
}

/** Milliseconds from the end of a notebook's document to the word that it has another name now. */
const RENAME_WAIT_MS = 2_000;

/** Which sandbox a notebook has, over the life of the window and beyond it. */
export class SandboxBinding {
  #live: LiveSandbox | undefined;
  readonly #starts: Starts;
  /** Has ended, and its libraries wait for the next one. */
  #previous: PreviousSandbox | undefined;
  #stateLoss: Failure | undefined;
  readonly #engineRecords: EngineRecords;
  readonly #takeoverPrompt: TakeoverPrompt;

  constructor(
    private readonly notebook: vscode.NotebookDocument,
    private readonly source: SessionSource,
    private readonly records: SandboxRecords,
    private readonly sink: BindingSink,
    private readonly log: Log,
  ) {
    this.#starts = new Starts(() => sink.changed(), log);
    this.#engineRecords = new EngineRecords(notebook, records);
    this.#takeoverPrompt = new TakeoverPrompt(notebook, log);
  }

  get status(): SandboxStatus {
    if (this.#live !== undefined) {
      const { session, settings } = this.#live;
      return {
        kind: session.state.kind === 'unreachable' ? 'unreachable' : 'ready',
        settings: settings.current,
        pending: this.#pending(),
      };
    }
    return { kind: this.#starts.current === undefined ? 'none' : 'starting' };
  }

  /** Undefined while there is none. */
  get session(): SandboxSession | undefined {
    return this.#live?.session;
  }
  /** It was started before anything ran, and nothing has since. */
  get isUnused(): boolean {
    return this.#live?.isUnused ?? false;
  }
  get installed(): readonly string[] {
    return (this.#live?.session ?? this.#previous)?.installed ?? [];
  }

  /** Told once: what became of the sandbox before, if no cell could say it. */
  takeStateLoss(): Failure | undefined {
    const lost = this.#stateLoss;
    this.#stateLoss = undefined;
    return lost;
  }

  /**
   * The notebook's session: the one there is, one on the sandbox of an earlier window, or a new one. Rejects with a SandboxError,
   * `Cancelled` where it is not wanted any more.
   */
  async open(settings: SandboxSettings, isWanted: () => boolean = () => true): Promise<SandboxSession> {
    for (let isFirst = true; ; isFirst = false) {
      if (!isWanted()) {
        throw new SandboxError('Cancelled');
      }
      if (this.#live?.isUnused === true && this.needsNewSandbox(settings)) {
        await this.#end(false, this.#record);
      }
      if (this.#live !== undefined) {
        this.#live.markUsed();
        if (this.#live.settings.current.files === 'none') {
          this.settingsApplied({ files: settings.files });
        }
        return this.#live.session;
      }
      const start = this.#starts.current;
      if (isFirst && start === undefined && this.#record === undefined) {
        this.#engineRecords.restoreNewest();
      }
      const isNew = start?.isNew ?? this.#record === undefined;
      const session = isNew
        ? await (start ?? this.#starts.begin(isNew, (signal) => this.#startNew(settings, signal))).forCell()
        : await this.#attachEarlierForCell();
      if (session !== undefined && this.session !== session) {
        return session;
      } // it has ended already, which the cell says
    }
  }

  /**
   * Starts a sandbox in which nothing is to run yet, where the notebook has none. Rejects with a SandboxError. A cell that is run meanwhile
   * gets it; where it fails, the same failure if the user has asked for it, else a start of its own.
   * @param how `makesImage`: the user has asked for it; false: only where the image is there, so that nothing is made or pulled
   * @returns whether there is one now
   */
  async startEarly(settings: SandboxSettings, how: { makesImage: boolean }): Promise<boolean> {
    if (
      this.#live !== undefined ||
      this.#starts.current !== undefined ||
      this.#record !== undefined ||
      this.#previous !== undefined
    ) {
      return false;
    }
    const session = await this.#starts.begin(
      true,
      async (signal) =>
        (await this.source.canStartEarly(this.notebook, settings, how))
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
   * The sandbox that the notebook has, in this window or since an earlier one; undefined: none, and what is being started anew is
   * called off. Rejects with a SandboxError where nobody can say.
   */
  async find(): Promise<SandboxSession | undefined> {
    if (this.#live !== undefined) {
      return this.#live.session;
    }
    this.cancel();
    return this.#record === undefined && this.#starts.current === undefined ? undefined : this.#attachEarlier();
  }

  /** Finds the sandbox of an earlier window again, if there was one. Never rejects: a cell that runs says what is wrong. */
  async reattach(how = { takeOver: false }): Promise<void> {
    if (
      this.#live?.isUnused === true &&
      this.#record !== undefined &&
      this.#record.sandboxId !== this.#live.session.id
    ) {
      await this.#end(false, undefined); // the notebook has another name now, and a sandbox that is worth more
    }
    if (this.#live !== undefined || this.#starts.current !== undefined || this.#record === undefined) {
      return;
    }
    try {
      await this.#attachEarlier({ ...how, asks: how.takeOver || this.#record.unused !== true });
    } catch (error) {
      const failure = asSandboxError(error);
      this.log.warn(`not attached again: ${failure.message}`);
      if (how.takeOver) {
        this.sink.warn(failure);
      } // the user has asked for it
    }
  }

  /** Resolves when no sandbox of an earlier window is being looked for. */
  async waitForLookup(): Promise<void> {
    const start = this.#starts.current;
    if (start?.isNew === false) {
      await start.session.catch(() => undefined);
    }
  }

  /** Gives the running sandbox what it can take of the settings as they are now. The status says what is left for a new one. */
  async takeSettings(): Promise<void> {
    const live = this.#live;
    if (live !== undefined && this.#pending().sandbox.includes('maxMemory')) {
      const { maxMemory } = readSettings(this.notebook.uri, this.log);
      if (await live.session.setMemory(maxMemory)) {
        live.settings.applied({ maxMemory });
      }
    }
    this.sink.changed();
  }

  /** The running sandbox has these now. */
  settingsApplied(settings: Partial<SandboxSettings>): void {
    this.#live?.settings.applied(settings);
  }

  /** The setting `files` of the running sandbox, which has a place for those files; without one, that of `settings`. */
  filesSetting(settings: SandboxSettings): FilesSetting {
    return (this.#live?.settings.current ?? settings).files;
  }

  /** Whether a fresh kernel is not enough for these settings. */
  needsNewSandbox(settings: SandboxSettings): boolean {
    return (this.#live?.settings.pending(settings) ?? NOTHING_PENDING).sandbox.length > 0;
  }

  /** The image of these settings was made anew. True: the sandbox that runs has the one before. */
  imageMade(settings: SandboxSettings): boolean {
    const isOld = this.#live?.settings.imageMade(settings) === true && !this.isUnused; // which is replaced when something is to run in it
    if (isOld) {
      this.sink.changed();
    }
    return isOld;
  }

  /** The document has changed: VS Code keeps it later. */
  documentChanged(): void {
    this.#live?.documentChanged();
  }

  /** What is being started anew is not wanted any more. The sandbox of an earlier window is looked for all the same: cells run in it. */
  cancel(): void {
    if (this.#starts.current?.isNew === true) {
      this.#starts.cancel();
    }
  }

  /**
   * Ends the sandbox, also one of an earlier window. The next one has its libraries if they are kept. Rejects, and forgets
   * nothing, where that one cannot be ended.
   * @param lost what the next cell says of it
   */
  async close({ keepLibraries, lost }: { keepLibraries: boolean; lost?: Failure }): Promise<void> {
    await this.#end(keepLibraries, this.#record);
    this.#stateLoss = lost ?? this.#stateLoss;
  }

  /** Leaves the sandbox as it is, for a later window or under another name; where nobody would find it or its libraries, they go. */
  async leave(): Promise<void> {
    const record = this.#record;
    const { isClosed, isUntitled } = this.notebook;
    const isOver = record !== undefined && (record.keepAlive === 0 || this.isUnused || (isClosed && isUntitled));
    if (isOver && !(isClosed && (await this.records.awaitRename(this.notebook.uri, record, RENAME_WAIT_MS)))) {
      await this.#end(false, record);
      return;
    }
    const [live, previous] = [this.#unbind(), this.#previous];
    this.#previous = undefined;
    live?.record();
    live?.stopListening();
    await live?.session.detach();
    await this.#starts.settled(); // a start may have the libraries of the previous sandbox
    await previous?.dispose(); // nobody finds its libraries by a record
    this.sink.changed();
  }

  // ---------------------------------------------------------------------------------------------------------- to have

  get #record(): SandboxRecord | undefined {
    return this.records.get(this.notebook.uri);
  }

  /** On the sandbox of an earlier window; undefined: it is gone. */
  async #attachEarlier(how = { takeOver: false, asks: true }): Promise<SandboxSession | undefined> {
    try {
      return await (this.#starts.current ?? this.#starts.begin(false, (signal) => this.#attachRecorded(signal, how)))
        .session;
    } catch (error) {
      if (asSandboxError(error).code === 'InUse' && how.asks) {
        this.#askForTakeover();
      }
      throw error;
    }
  }

  /** The same, for a cell that is run: the sandbox on another engine is left there, and the cell gets one on the engine that answers. */
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

  /** The notebook's sandbox is left on its engine, which is not the one that answers. The next cell says so unless the user has been told. */
  #setAside({ params, message }: SandboxError, isTold = false): void {
    const record = this.#record;
    if (record === undefined) {
      return;
    } // a notebook of another name has it
    this.log.info(`the notebook's sandbox is on another engine: ${message}`);
    this.#engineRecords.setAside(record);
    const isNews = this.#engineRecords.isFirstReport(record);
    if (isNews && !isTold && record.unused !== true) {
      this.#stateLoss = { code: 'OtherEngine', params: { ...params, minutes: record.keepAlive, started: true } };
    }
  }

  async #startNew(
    settings: SandboxSettings,
    signal: AbortSignal,
    how = { isUnused: false },
  ): Promise<SandboxSession | undefined> {
    const previous = this.#previous;
    const session = await this.source.start(this.notebook, settings, {
      signal,
      previous,
      onCreated: (created) => this.sink.created(created, settings, how),
    });
    if (signal.aborted) {
      // it came too late: another may be starting by now
      await session.dispose({ keepLibraries: session.libraries === previous?.libraries });
      throw new SandboxError('Cancelled');
    }
    if (how.isUnused && this.#record !== undefined) {
      // it has come with another name of the notebook meanwhile
      await session.dispose();
      return undefined;
    }
    this.#previous = undefined;
    this.#bind(session, settings, { seq: 0, ...how });
    return session;
  }

  async #attachRecorded(signal: AbortSignal, how: { takeOver: boolean }): Promise<SandboxSession | undefined> {
    const record = this.#record;
    if (record === undefined) {
      return undefined;
    }
    const restoring = this.sink.beginReplay(record.seq);
    let session: SandboxSession;
    try {
      session = await this.source.attach(
        record,
        (event, open) => {
          restoring.event(event, open);
        },
        signal,
        how,
      );
    } catch (error) {
      restoring.failed();
      const failure = asSandboxError(error);
      if (signal.aborted) {
        throw new SandboxError('Cancelled', {}, { cause: error });
      } // whoever called it off has the record
      if (failure.code === 'OtherEngine' && this.#engineRecords.switchTo(record, String(failure.params['hereId']))) {
        return this.#attachRecorded(signal, how);
      }
      if (failure.code !== 'SandboxGone' && failure.code !== 'ProtocolViolation') {
        throw error;
      }
      // A sandbox that answered as another one (restarted, or of another protocol) runs, and no window will ever use it. Where it cannot
      // be ended its record stays, and the next cell tries again.
      if (failure.params['reason'] === 'restarted' || failure.code === 'ProtocolViolation') {
        await this.source.end(record, { isOurs: true });
      }
      this.#forgetEarlier(record, failure);
      return undefined;
    }
    if (signal.aborted) {
      restoring.failed();
      await session.detach();
      throw new SandboxError('Cancelled');
    }
    restoring.attached(session);
    this.#bind(session, record.settings, { seq: record.seq, isUnused: record.unused === true });
    return session;
  }

  /** The sandbox of an earlier window is gone, or of no use to this one. */
  #forgetEarlier(record: SandboxRecord, failure: SandboxError): void {
    this.log.info(`the sandbox of an earlier window is gone: ${failure.message}`);
    if (record.unused !== true) {
      this.#stateLoss = stateLossSinceLastWindow(record, failure);
    }
    this.#previous = this.source.previousOf(record);
    this.records.remove(this.notebook.uri, record.sandboxId);
  }

  async #end(keepLibraries: boolean, record: SandboxRecord | undefined): Promise<void> {
    const live = this.#unbind();
    const earlier = live === undefined ? record : undefined;
    if (record !== undefined) {
      this.records.remove(this.notebook.uri, record.sandboxId);
    }
    if (earlier !== undefined) {
      try {
        await this.source.end(earlier);
      } catch (error) {
        if (this.#record === undefined) {
          this.records.set(this.notebook.uri, earlier);
        }
        throw error;
      }
    }
    const previous = this.#previous;
    const ended = live?.session ?? (earlier && this.source.previousOf(earlier));
    this.#previous = keepLibraries ? (ended ?? previous) : undefined;
    this.sink.changed();
    await Promise.all([ended?.dispose({ keepLibraries }), this.#starts.settled()]);
    if (!keepLibraries) {
      await previous?.dispose();
    }
    live?.stopListening();
  }

  // ---------------------------------------------------------------------------------------------------------- to keep

  #bind(session: SandboxSession, settings: SandboxSettings, how: { seq: number; isUnused: boolean }): void {
    this.#live = new LiveSandbox(session, this.notebook, this.records, settings, how, {
      event: (event) => this.sink.event(event),
      state: (of, state) => this.#stateChanged(of, state),
    });
    if (session.state.kind !== 'ready') {
      this.#stateChanged(session, session.state);
    } // it has ended, or lost its stream, before anybody listened
  }

  #unbind(): LiveSandbox | undefined {
    const live = this.#live;
    this.#live = undefined;
    this.#starts.cancel();
    live?.stopRecording();
    return live;
  }

  #stateChanged(session: SandboxSession, state: SessionState): void {
    if (state.kind === 'gone' && this.#live?.session === session) {
      const { settings, isUnused } = this.#live;
      if (state.failure.code === 'OtherEngine') {
        this.#live.record();
      } // it may have lived up to now
      this.#live.stopRecording();
      this.#live = undefined;
      if (state.failure.code === 'InUse') {
        this.sink.gone();
        if (this.#record?.sandboxId === session.id) {
          this.#askForTakeover();
        } // else it is this notebook's own, under another name
      } else if (state.failure.code === 'OtherEngine') {
        const isTold = this.sink.gone() || isUnused;
        this.#setAside(state.failure, isTold);
        if (!isTold) {
          this.sink.warn(state.failure);
        }
      } else {
        this.records.remove(this.notebook.uri, session.id);
        this.#previous = session;
        if (!this.sink.gone() && !isUnused) {
          this.#reportStateLoss(state.failure, settings.current);
        }
      }
    }
    if (state.kind === 'unreachable' && !this.isUnused) {
      this.sink.unreachable(state.failure);
    }
    this.sink.changed();
  }

  /** No cell ran: without a word the user would only wonder why names are gone. */
  #reportStateLoss(failure: SandboxError, settings: SandboxSettings): void {
    this.#stateLoss = stateLossBetweenCells(failure, settings);
    if (failure.params['reason'] !== 'idle') {
      this.sink.warn(failure);
    }
  }

  #askForTakeover(): void {
    const used = this.#record?.sandboxId;
    this.#takeoverPrompt.ask(async (which) => {
      if (which === 'here') {
        await this.reattach({ takeOver: true });
      } else if (used !== undefined) {
        this.records.remove(this.notebook.uri, used);
        showNewSandboxHint(this.notebook);
      }
    });
  }

  /** None while a setting is invalid, which the next cell says. */
  #pending(): PendingSettings {
    try {
      if (this.isUnused) {
        return NOTHING_PENDING;
      } // it is replaced when something is to run in it
      return this.#live?.settings.pending(readSettings(this.notebook.uri, silentLog)) ?? NOTHING_PENDING;
    } catch {
      return NOTHING_PENDING;
    }
  }
}
