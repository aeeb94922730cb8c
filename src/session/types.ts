import type {
  AnswerMetadata,
  CellMetadata,
  ExecuteReply,
  JsonObject,
  MimeBundle,
  SandboxEvent,
} from '../protocol/messages';
import type { CommMessage } from './comms';
import type { Place } from './folder-copy/place';
import type { InstallOptions } from './installs';
import type { SandboxError } from '../protocol/errors';
import type { SandboxFile } from '../engine/engine';

/** Names as in the field's Python counterpart; `settings.ts` has their ranges. */
export interface InteractiveSettings {
  /** Bytes. */
  maxMemory: number;
  /** Execution results that IPython keeps. */
  historySize: number;
  /** Seconds; 0 = none. */
  timeout: number;
  /** Seconds. */
  pollInterval: number;
}

export interface ExecuteOptions {
  metadata?: CellMetadata;
  silent?: boolean;
  storeHistory?: boolean;
  allowStdin?: boolean;
  /** False: an error does not abort the queued cells of the same run. */
  stopOnError?: boolean;
  /** Seconds; default: the session's. */
  timeout?: number;
  /** Where the cell's notebook is; default: where the kernel is. */
  place?: Place;
}

export interface CellExecution {
  readonly msgId: string;
  /**
   * Settles once, always: with the supervisor's word, or, when the sandbox is gone, reset or disposed of, with an
   * `aborted` or `error` reply made here whose `failure` says why. Never rejects.
   */
  readonly reply: Promise<ExecuteReply>;
}

/** A cell without a reply. */
export interface OpenCell {
  readonly msgId: string;
  /** Of its execute_request: {@link CellMetadata} where who tells it is honest. */
  readonly metadata: JsonObject;
}

/** A cell that was open when the session attached. */
export interface AttachedCell extends CellExecution, OpenCell {
  /** Every `input_request` and `install_request` that it waited for, the latest last. */
  readonly requests: readonly string[];
}

/**
 * - `starting`: container or first stream not there yet. - `ready`: attached. - `unreachable`: the stream is cut and being opened again; cells go on inside.
 * - `gone`: the container ended; `failure` says why; a new session is needed. - `disposed`.
 */
export type SessionState =
  | { kind: 'starting' }
  | { kind: 'ready' }
  | { kind: 'unreachable'; failure: SandboxError }
  | { kind: 'gone'; failure: SandboxError }
  | { kind: 'disposed' };

/** Names that fit, and the characters `start`..`end` of the code that each would replace. */
export interface Completion {
  matches: {
    text: string;
    /** jedi's word: `function`, `module`, `instance` …; empty = not known. */
    type: string;
  }[];
  start: number;
  end: number;
}

/** What the notebook room may ask of a session; `InteractiveSandboxSession` in `session.ts` implements it. */
export interface SandboxSession {
  readonly id: string;
  readonly state: SessionState;
  /** The derived image, and the volume of the libraries that are installed on top of it. */
  readonly image: string;
  readonly libraries: string;
  /** The engine that it is on: its id, and its name for people. */
  readonly engine: string;
  readonly engineName: string;
  /** Random id of this session as a host: who attaches with it takes its place. */
  readonly host: string;
  /** The last event that was told to listeners, and the supervisor that numbered it ('' before its first hello). */
  readonly place: { seq: number; boot: string };
  /** The supervisor's clock (seconds) at its last hello, and ours (`Date.now()`) then; zeros before. */
  readonly clock: { t: number; at: number };
  /** What was open when this session attached to a sandbox that ran; some may have ended since. */
  readonly cells: readonly AttachedCell[];
  /** What has no reply yet. A later session is to be told of it: the log may lose both what these cells said and that they ended. */
  readonly open: readonly OpenCell[];
  /** Requirements that cells or the user installed into them. */
  readonly installed: readonly string[];
  /** Sends the cell at once; the supervisor queues. */
  execute(code: string, options?: ExecuteOptions): CellExecution;
  /**
   * One press: interrupts (third press kills) if `msgId` runs, aborts it if it is queued, else does nothing. With a queued cell the rest of
   * its run is aborted, unless `run` is false. Resolves when obeyed; rejects with a SandboxError at its deadline.
   */
  interrupt(msgId: string, options?: { run: boolean }): Promise<void>;
  /** The same for the callback of a comm's message, if one is going on. */
  interruptCallback(): Promise<void>;
  /** A fresh kernel. Ends running and queued cells first (their replies settle as `aborted`). */
  reset(options: { files: 'keep' | 'clear'; historySize?: number }): Promise<void>;
  /**
   * Changes the memory limit (bytes) of the running sandbox. False: its engine cannot, or more is in use; nothing has changed then,
   * and only a new sandbox can have it.
   */
  setMemory(bytes: number): Promise<boolean>;
  /** Answers an `input_request` event; `metadata` goes into the log. */
  answer(request: string, value: string, metadata?: AnswerMetadata): Promise<void>;
  /** Positions count Unicode characters, as Jupyter's do. Null when the kernel is busy or the deadline passed. */
  complete(code: string, cursorPos: number, signal?: AbortSignal): Promise<Completion | null>;
  /** What the kernel knows of the name at a position. Null when it knows nothing, is busy, or the deadline passed. */
  inspect(code: string, cursorPos: number, signal?: AbortSignal): Promise<MimeBundle | null>;
  /** Sends a comm's message, see `Comms.send`. What a kernel sends comes by `onEvent`; `buffersOf` has its bytes. */
  sendComm(message: CommMessage, signal?: AbortSignal): Promise<string>;
  /** See `Engine.putFiles`. */
  putFiles(files: readonly SandboxFile[], signal?: AbortSignal): Promise<Map<number, string>>;
  /** Installs into the sandbox's libraries; the kernel imports them at once. Rejects with a SandboxError. */
  install(requirements: readonly string[], options?: InstallOptions): Promise<void>;
  /** Every logged event in the order of the log, validated, assembled, each once, and `comm_gap`s; listener errors are logged, not thrown. */
  onEvent(listener: (event: SandboxEvent) => void): { dispose(): void };
  onState(listener: (state: SessionState) => void): { dispose(): void };
  /** Leaves the sandbox to its lease: cells go on in it, and a later session can attach. Never rejects. */
  detach(): Promise<void>;
  /**
   * Ends the sandbox: container removed, and its libraries unless another session takes them over.
   * Never rejects, can be called at any moment and again.
   */
  dispose(options?: { keepLibraries?: boolean }): Promise<void>;
}
