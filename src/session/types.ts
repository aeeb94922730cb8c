import type {
  Signature,
  AnswerMetadata,
  CellMetadata,
  CommandContents,
  CommType,
  ExecuteReply,
  JsonObject,
  MimeBundle,
  QueryAnswer,
  QueryType,
  SandboxEvent,
} from '../protocol/messages';
import type { Place } from './folder-copy/place';
import type { InstallOptions } from './installs/installs';
import type { SandboxError } from '../protocol/errors';
import type { SandboxFile } from '../engine/engine';

/** These settings have the names of their Python counterpart. Their ranges are in `settings.ts`. */
export interface InteractiveSettings {
  /** Bytes. */
  maxMemory: number;
  /** Number of execution results that IPython keeps. */
  historySize: number;
  /** Seconds; 0 = no limit. */
  timeout: number;
  /** Seconds. */
  pollInterval: number;
}

export interface ExecuteOptions {
  metadata?: CellMetadata;
  silent?: boolean;
  storeHistory?: boolean;
  allowStdin?: boolean;
  /** If false, an error does not abort the queued cells of the same run. */
  stopOnError?: boolean;
  /** Time limit in seconds; default: the session's setting. */
  timeout?: number;
  /** The location of the cell's notebook in the sandbox; default: the kernel's working folder. */
  place?: Place;
}

export interface CellExecution {
  readonly msgId: string;
  readonly kernel: string;
  /**
   * Always resolves once: with the supervisor's reply or, when the sandbox is gone, reset or disposed, with an `aborted` or `error` reply
   * that the session makes and whose `failure` has the reason. Never rejects.
   */
  readonly reply: Promise<ExecuteReply>;
}

/** A cell that has no reply yet. */
export interface OpenCell {
  readonly msgId: string;
  readonly kernel: string;
  /** The metadata of its execute_request. It is {@link CellMetadata} if the sandbox is honest. */
  readonly metadata: JsonObject;
}

/** A cell that was open when the session attached. */
export interface AttachedCell extends CellExecution, OpenCell {
  /** Ids of all `input_request`s and `install_request`s that the cell was waiting for, the latest last. */
  readonly requests: readonly string[];
}

/**
 * - `starting`: the container does not run or has no stream yet.
 * - `ready`: the session is attached.
 * - `unreachable`: the stream is lost and is being opened again; cells continue in the sandbox.
 * - `gone`: the session has ended with `failure`; a new session is needed.
 * - `disposed`: the session was disposed of or detached.
 */
export type SessionState =
  | { kind: 'starting' }
  | { kind: 'ready' }
  | { kind: 'unreachable'; failure: SandboxError }
  | { kind: 'gone'; failure: SandboxError }
  | { kind: 'disposed' };

/** Completions, each of which replaces the characters from `start` to `end` of the code. */
export interface Completion {
  matches: {
    text: string;
    /** Type as jedi names it: `function`, `module`, `instance` …; '' = unknown. */
    type: string;
  }[];
  start: number;
  end: number;
}

export interface QueryOptions {
  /** Milliseconds until the query fails; by default the deadline of completions. */
  deadline?: number;
  signal?: AbortSignal | undefined;
}

/** A comm message from a front end. A cell, this session or an earlier session may have opened the comm. */
export interface CommMessage {
  type: CommType;
  commId: string;
  /** Only for `comm_open`: the name under which a cell has registered the target. */
  targetName?: string;
  data?: JsonObject;
  metadata?: JsonObject;
  buffers?: readonly Uint8Array[];
  /** Id of the message, for callers that need it before they send; a new one by default. The sandbox handles each id once. */
  msgId?: string;
}

export interface ResetOptions {
  /** `clear` also empties the sandbox's folders, which all its kernels share. */
  files: 'keep' | 'clear';
  /** Default: the session's setting. */
  historySize?: number;
}

/** One kernel of a sandbox. */
export interface SandboxKernel {
  /** The kernel's name in messages. */
  readonly id: string;
  /** Sends the cell at once. The supervisor queues it. */
  execute(code: string, options?: ExecuteOptions): CellExecution;
  /**
   * Interrupts the cell `msgId` if it runs (the third interrupt kills the kernel), aborts it if it is queued, else does nothing. With a
   * queued cell the rest of its run is aborted too, unless `run` is false. Resolves when the sandbox has done so; rejects with a
   * SandboxError at the deadline.
   */
  interrupt(msgId: string, options?: { run: boolean }): Promise<void>;
  /** Interrupts the callback of a comm message, if one is running. */
  interruptCallback(): Promise<void>;
  /** Starts a fresh process of this kernel. Ends its running and queued cells first; their replies are `aborted`. */
  reset(options: ResetOptions): Promise<void>;
  /** Answers an `input_request` event. The log keeps `metadata`. */
  answer(request: string, value: string, metadata?: AnswerMetadata): Promise<void>;
  /**
   * Asks the kernel a question of any type whose answer is not logged. A busy kernel answers at once with the status `busy`. Rejects with
   * a SandboxError if the session is not `ready`, the stream is cut, the deadline passes or the signal aborts.
   */
  query<T extends QueryType>(type: T, content: CommandContents[T], options?: QueryOptions): Promise<QueryAnswer<T>>;
  /** Completes the code at a position, which counts Unicode characters as in Jupyter. Null if the kernel is busy or the deadline passes. */
  complete(code: string, cursorPos: number, signal?: AbortSignal): Promise<Completion | null>;
  /** Describes the name at a position. Null if the kernel does not know it or is busy, or the deadline passes. */
  inspect(code: string, cursorPos: number, signal?: AbortSignal): Promise<MimeBundle | null>;
  /** The signatures of the innermost call around a position, several for an overloaded function. Null as for {@link complete}. */
  signatures(code: string, cursorPos: number, signal?: AbortSignal): Promise<readonly Signature[] | null>;
  /** Sends a comm message, see `Comms.send`. Messages from the kernel come as events; `buffersOf` gives their buffers. */
  sendComm(message: CommMessage, signal?: AbortSignal): Promise<string>;
}

/** A session with a sandbox, as `src/notebook` uses it. `ContainerSession` in `session.ts` implements it. */
export interface SandboxSession extends Omit<SandboxKernel, 'id'> {
  /** Id of the sandbox. */
  readonly id: string;
  readonly state: SessionState;
  /** The derived image, and the name of the volume with the libraries that are installed on top of it. */
  readonly image: string;
  readonly libraries: string;
  /** Id and display name of the sandbox's engine. */
  readonly engine: string;
  readonly engineName: string;
  /** Random id of this session as a host. A session that attaches with this id replaces it. */
  readonly host: string;
  /** The seq of the last event that listeners got, and the boot id of its supervisor ('' before the first hello). */
  readonly place: { seq: number; boot: string };
  /** The supervisor's clock (seconds) at its last hello, and `Date.now()` at that moment; zeros before the first hello. */
  readonly clock: { t: number; at: number };
  /** The cells that were open when this session attached to a running sandbox. Some may have ended since. */
  readonly cells: readonly AttachedCell[];
  /** The cells that have no reply yet. Pass them to a later session: the log may lose both their output and their ends. */
  readonly open: readonly OpenCell[];
  /** Requirements that cells or the user have installed into {@link libraries}. */
  readonly installed: readonly string[];
  /**
   * Changes the memory limit (bytes) of the running sandbox. False if its engine cannot change it or more memory is in use: the limit
   * then stays as it was, and only a new sandbox can have the new one.
   */
  setMemory(bytes: number): Promise<boolean>;
  /** One of the sandbox's kernels. The session's own methods are those of the first kernel, which every sandbox has. */
  kernel(id: string): SandboxKernel;
  /** See `Engine.putFiles`. */
  putFiles(files: readonly SandboxFile[], signal?: AbortSignal): Promise<Map<number, string>>;
  /** Installs packages into the sandbox's libraries. The kernel can import them at once. Rejects with a SandboxError. */
  install(requirements: readonly string[], options?: InstallOptions): Promise<void>;
  /**
   * Every logged event, validated and assembled, once and in the order of the log, and every `comm_gap`. Errors of listeners are logged.
   */
  onEvent(listener: (event: SandboxEvent) => void): { dispose(): void };
  onState(listener: (state: SessionState) => void): { dispose(): void };
  /** Disconnects from the sandbox, which lives until its lease ends: its cells continue, and a later session can attach. Never rejects. */
  detach(): Promise<void>;
  /**
   * Ends the sandbox: removes the container, and the libraries too unless `keepLibraries` leaves them for another session. Never rejects.
   * It can be called at any time and repeatedly.
   */
  dispose(options?: { keepLibraries?: boolean }): Promise<void>;
}
