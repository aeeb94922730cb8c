import type * as vscode from 'vscode';
import type { SandboxEvent } from '../../protocol/messages';
import type { SandboxSettings } from '../../session/settings';
import type { SandboxSession, SessionState } from '../../session/types';
import { AppliedSettings } from './applied-settings';
import { PlaceRecorder, changesOpenCells } from './place-recorder';
import { recordOf, type SandboxRecord, type SandboxRecords } from './sandbox-records';

interface LiveSandboxListener {
  event(event: SandboxEvent): void;
  state(session: SandboxSession, state: SessionState): void;
}

/** A notebook's sandbox as long as this window has it, which is written down for a later one. */
export class LiveSandbox {
  readonly settings: AppliedSettings;
  readonly #recorder: PlaceRecorder;
  readonly #listeners: { dispose(): void }[];
  #isUnused: boolean;

  /**
   * @param settings those that it was started with
   * @param seq the event up to which the document surely shows what the sandbox said
   */
  constructor(
    readonly session: SandboxSession,
    notebook: vscode.NotebookDocument,
    records: SandboxRecords,
    settings: SandboxSettings,
    { seq, isUnused }: { seq: number; isUnused: boolean },
    listener: LiveSandboxListener,
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

  /** It was started before anything ran, and nothing has since: it holds nothing that anybody would miss. */
  get isUnused(): boolean {
    return this.#isUnused;
  }

  /** Something is to run in it. */
  markUsed(): void {
    if (!this.#isUnused) {
      return;
    }
    this.#isUnused = false;
    this.#recorder.recordNow();
  }

  /** The document has changed: VS Code keeps it later. */
  documentChanged(): void {
    this.#recorder.changed();
  }

  /** Writes down what is known of it now. */
  record(): void {
    this.#recorder.recordNow();
  }

  /** Writes nothing down any more. */
  stopRecording(): void {
    this.#recorder.stop();
  }

  stopListening(): void {
    for (const listener of this.#listeners) {
      listener.dispose();
    }
  }
}
