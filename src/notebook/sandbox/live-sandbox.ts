import type * as vscode from 'vscode';
import type { SandboxEvent } from '../../protocol/messages';
import type { SandboxSettings } from '../../session/settings';
import type { SandboxSession, SessionState } from '../../session/types';
import { AppliedSettings } from './applied-settings';
import { PlaceRecorder, changesOpenCells } from './place-recorder';
import { recordOf, type SandboxRecord } from './sandbox-record';
import type { SandboxRecords } from './sandbox-records';

interface LiveSandboxListener {
  event(event: SandboxEvent): void;
  state(session: SandboxSession, state: SessionState): void;
}

export interface LiveSandboxOptions {
  notebook: vscode.NotebookDocument;
  records: SandboxRecords;
  /** The settings with which the sandbox was started. */
  settings: SandboxSettings;
  /** The last event that the document is known to show. */
  seq: number;
  /** See {@link LiveSandbox.isUnused}. */
  isUnused: boolean;
  listener: LiveSandboxListener;
}

/**
 * The sandbox of a notebook while this window uses it. Keeps its record up to date, so that a later window finds it.
 */
export class LiveSandbox {
  readonly settings: AppliedSettings;
  readonly #recorder: PlaceRecorder;
  readonly #listeners: { dispose(): void }[];
  #isUnused: boolean;

  constructor(
    readonly session: SandboxSession,
    { notebook, records, settings, seq, isUnused, listener }: LiveSandboxOptions,
  ) {
    this.settings = new AppliedSettings(settings);
    this.#isUnused = isUnused;
    const record = (shown: number): SandboxRecord => recordOf(session, this.settings.current, shown, this.#isUnused);
    records.set(notebook.uri, record(seq));
    this.#recorder = new PlaceRecorder(
      seq,
      () => session.place.seq,
      (shown) => records.update(notebook.uri, record(shown)),
    );
    this.#listeners = [
      session.onEvent((event) => {
        listener.event(event);
        if (changesOpenCells(event)) {
          this.#recorder.recordNow();
        }
        this.#recorder.changed();
      }),
      session.onState((state) => listener.state(session, state)),
    ];
  }

  /**
   * The sandbox was started before any cell ran, and nothing has run in it since. It holds nothing that a user would
   * miss.
   */
  get isUnused(): boolean {
    return this.#isUnused;
  }

  /** Something is about to run in the sandbox. */
  markUsed(): void {
    if (!this.#isUnused) {
      return;
    }
    this.#isUnused = false;
    this.#recorder.recordNow();
  }

  /** The document has changed. VS Code saves it later. */
  documentChanged(): void {
    this.#recorder.changed();
  }

  /** Writes the current record of the sandbox. */
  record(): void {
    this.#recorder.recordNow();
  }

  /** Stops writing the record. */
  stopRecording(): void {
    this.#recorder.stop();
  }

  stopListening(): void {
    for (const listener of this.#listeners) {
      listener.dispose();
    }
  }
}
