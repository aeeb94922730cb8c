/**
 * What travels between a host and a sandbox, one JSON object a line. Names and fields are those of the Jupyter
 * messaging specification (https://jupyter-client.readthedocs.io/en/stable/messaging.html) wherever it has them;
 * what it lacks (acknowledgement, the log, its gaps, causes of death) is marked "ours" below and in README.md.
 */

export type Channel = 'shell' | 'control' | 'stdin' | 'iopub';
export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };
export type JsonObject = { [key: string]: JsonValue };

/** A failure or notice as the runner says it: a code with parameters; `src/messages.ts` has the sentences. */
export interface Failure {
  /** A {@link import('./errors').FailureCode} where the runner is honest; any short word where it is not. */
  code: string;
  params: Record<string, string | number | boolean>;
}

// ---------------------------------------------------------------------------------------------------- host → sandbox

/** Where a cell stands in its notebook, so that a later window finds it again. Never interpreted in the sandbox. */
export interface CellMetadata {
  cellId?: string;
  index?: number;
  sourceHash?: string;
  /** All cells of one run-all share it; an error or interrupt aborts what is queued of that run only. */
  runId?: string;
}

/** What an answer to a prompt leaves in the log, so that who comes later sees it where it was typed. Never interpreted in the sandbox. */
export interface AnswerMetadata {
  /** msg_id of the execute_request whose prompt it was. */
  cell: string;
  /** What its output shows of the answer, a newline included; no password. */
  echo: string;
}

/** What an install may ask for beside its requirements, as pip names it. */
export const INSTALL_OPTIONS = ['upgrade', 'pre', 'no-deps', 'force-reinstall'] as const;
export type InstallOption = (typeof INSTALL_OPTIONS)[number];

export interface CommandContents {
  // shell: queued, in order, one at a time
  execute_request: {
    code: string;
    silent: boolean;
    store_history: boolean;
    allow_stdin: boolean;
    /** False: an error in this cell does not abort the queued cells of its run (`raises-exception`). */
    stop_on_error: boolean;
    /** Seconds of awake time, prompts not counted; 0 = no limit. Ours. */
    timeout: number;
    /** Below the sandbox's home: the working folder of a kernel that is fresh, or still where it was told last; '' = no word of it. Ours. */
    folder: string;
    /** The folder, below the home, with the copy of the user's project; '' = there is none. Ours. */
    project: string;
  };
  // shell, queued with the cells; handled without a reply: `status: idle` says when
  /** Opens the kernel's end of a comm, for a target that a cell has registered. */
  comm_open: { comm_id: string; target_name: string; data: JsonObject; timeout: number };
  /** `timeout` as that of a cell: for what the kernel does about it. Ours. */
  comm_msg: { comm_id: string; data: JsonObject; timeout: number };
  comm_close: { comm_id: string; data: JsonObject; timeout: number };
  // shell, answered at once: by the idle kernel, or `status: "busy"`
  complete_request: { code: string; cursor_pos: number };
  inspect_request: { code: string; cursor_pos: number; detail_level: 0 | 1 };
  // stdin
  /** `request` is the `request` of the `input_request` that is answered. */
  input_reply: { value: string; request: string };
  /** Ours. What pip says meanwhile, or nothing: the install goes on. `request` is that of the `install_request`. */
  install_output: { request: string; text: string };
  /** Ours. Answers an `install_request`; `reason` is for people, empty where all went well. */
  install_reply: { request: string; status: 'ok' | 'error'; reason: string };
  // control
  /**
   * Ours. The first line of every stream: replay what came after `after`, then go on. Another `boot` voids `after`.
   * `host` is a random id of this session object, the same on every stream that it opens: a new stream of the same host
   * supersedes the old one (which may be cut without the sandbox knowing yet) and keeps its place as writer.
   * `take_over` ends the stream of another host that is the writer.
   */
  follow_request: { after: number; boot: string; writer: boolean; host: string; take_over: boolean };
  /** Ours. Answered by `pong`. */
  ping: Record<string, never>;
  /**
   * `msg_id` names the execute_request that is meant: a late press hits nothing else. `run` (ours) false: where that is queued
   * it alone is aborted, and the cells of its run go on.
   */
  interrupt_request: { msg_id: string; run: boolean };
  /** Ours. A fresh kernel; `clear` also empties `/sandbox` and `/tmp`. */
  reset_request: { files: 'keep' | 'clear'; history_size: number };
  shutdown_request: Record<string, never>;
}
export type CommandType = keyof CommandContents;

export interface Command<T extends CommandType = CommandType> {
  header: { msg_id: string; msg_type: T };
  /** Which kernel of the sandbox; the first is `main`. */
  kernel: string;
  channel: Channel;
  content: CommandContents[T];
  metadata: T extends CommType ? JsonObject : CellMetadata | AnswerMetadata;
  /** Base64. */
  buffers: string[];
}

/** One piece of a command whose JSON is longer than {@link CHUNK_BYTES}; the joined `data` is the command's line. */
export interface CommandChunk extends Pick<Command, 'kernel' | 'channel' | 'buffers'> {
  header: { msg_id: string; msg_type: 'chunk' };
  content: ChunkContent;
  metadata: Record<string, never>;
}

/** The messages of a comm, either way. */
export const COMM_TYPES = ['comm_open', 'comm_msg', 'comm_close'] as const satisfies readonly (CommandType &
  EventType)[];
export type CommType = (typeof COMM_TYPES)[number];

export const COMMAND_CHANNEL: Record<CommandType, Channel> = {
  execute_request: 'shell',
  comm_open: 'shell',
  comm_msg: 'shell',
  comm_close: 'shell',
  complete_request: 'shell',
  inspect_request: 'shell',
  input_reply: 'stdin',
  install_output: 'stdin',
  install_reply: 'stdin',
  follow_request: 'control',
  ping: 'control',
  interrupt_request: 'control',
  reset_request: 'control',
  shutdown_request: 'control',
};

// ---------------------------------------------------------------------------------------------------- sandbox → host

/** A mime bundle as in nbformat: text, or base64 for binary types, or JSON for `+json` types. */
export type MimeBundle = Record<string, JsonValue>;

export interface ExecuteReply {
  status: 'ok' | 'error' | 'aborted';
  /** IPython's count of this cell; null if it never reached IPython. */
  execution_count: number | null;
  ename: string;
  evalue: string;
  traceback: string[];
  payload: JsonObject[];
  user_expressions: JsonObject;
  /** Ours: the cell was ended by something else than its own code (time limit, death, interrupt, abort). */
  failure?: Failure;
}

/** State of one kernel as `hello` and `status` tell it. */
export type ExecutionState = 'starting' | 'idle' | 'busy' | 'restarting' | 'dead';

/** One kernel as `hello` tells it. */
export interface KernelRecord {
  gen: number;
  execution_state: ExecutionState;
  /** The cell that runs; '' = none. */
  msg_id: string;
  execution_count: number;
  /** The latest of `requests`, for a host that knows no more than one; '' = none. */
  request: string;
  /** Every `input_request` and `install_request` that the cell waits for, the latest last. A supervisor of an earlier version names the latest alone. */
  requests: string[];
  /** Cells without a reply, the running one first, as many as fit; with the metadata of their commands, unchecked. */
  cells: { msg_id: string; metadata: JsonObject }[];
}

export interface EventContents {
  // iopub
  /** `comm_id` (ours): its parent is a message of that comm, and no cell. */
  status: { execution_state: ExecutionState; failure?: Failure; comm_id?: string };
  execute_input: { code: string; execution_count: number };
  stream: { name: 'stdout' | 'stderr'; text: string };
  display_data: { data: MimeBundle; metadata: JsonObject; transient: JsonObject };
  update_display_data: { data: MimeBundle; metadata: JsonObject; transient: JsonObject };
  execute_result: { data: MimeBundle; metadata: JsonObject; transient: JsonObject; execution_count: number };
  error: { ename: string; evalue: string; traceback: string[] };
  clear_output: { wait: boolean };
  /** What a comm is for is told by `target_name`; a widget's state is in `data`. */
  comm_open: { comm_id: string; target_name: string; data: JsonObject };
  comm_msg: { comm_id: string; data: JsonObject };
  comm_close: { comm_id: string; data: JsonObject };
  /** Ours: something the user should read in the cell that is no error of its code. */
  notice: Failure;
  // stdin
  input_request: { prompt: string; password: boolean; request: string };
  /** Ours. The cell waits until its libraries are installed; requirements are as the cell wrote them, unchecked. */
  install_request: { request: string; requirements: string[]; options: InstallOption[] };
  // shell
  execute_reply: ExecuteReply;
  /** Unlogged: to the host that asked. */
  complete_reply: {
    status: 'ok' | 'error' | 'busy';
    matches: string[];
    cursor_start: number;
    cursor_end: number;
    metadata: JsonObject;
  };
  /** Unlogged: to the host that asked. */
  inspect_reply: { status: 'ok' | 'error' | 'busy'; found: boolean; data: MimeBundle; metadata: JsonObject };
  // control, all ours
  /** The command is in the log and will run (or ran) once; `metadata` is the command's. A `status` busy has its cell's too. */
  accepted: { msg_type: string };
  interrupt_reply: { status: 'ok' | 'error'; step: 'interrupt' | 'interrupt-again' | 'kill' | 'aborted' | 'stale' };
  reset_reply: { status: 'ok' | 'error' };
  shutdown_reply: { status: 'ok' };
  /** Unlogged. Answers follow_request, before the replay. */
  hello: {
    boot: string;
    protocol: number;
    runner: string;
    python: string;
    ipython: string;
    /** The log now holds the events `first`..`last`. */
    first: number;
    last: number;
    writer: boolean;
    kernels: Record<string, KernelRecord>;
  };
  /** Unlogged. */
  pong: Record<string, never>;
  /** Unlogged. The events `from`..`to` are no longer in the log. Its own `seq` is `to`. */
  gap: { from: number; to: number; bytes: number };
  /** Unlogged. So much of earlier comm messages is no longer in the log, beside updates whose keys were set again. */
  comm_gap: { messages: number; bytes: number };
  /** Unlogged. A line of this host that could not be obeyed; `parent_header` names it if it could be read. */
  refused: Failure;
}
export type EventType = keyof EventContents;

export interface EventOf<T extends EventType> {
  /** Position in the sandbox's one log, from 1; 0 for an unlogged answer to this host alone. */
  seq: number;
  kernel: string;
  /** Generation of the kernel: one more with every fresh process. */
  gen: number;
  /** Seconds on the supervisor's monotonic clock. */
  t: number;
  channel: Channel;
  msg_type: T;
  parent_header: { msg_id: string };
  content: EventContents[T];
  metadata: JsonObject;
  /** Base64. */
  buffers: string[];
}
/** Discriminated by `msg_type`. */
export type SandboxEvent = { [T in EventType]: EventOf<T> }[EventType];

/** One piece of an event whose JSON is longer than {@link CHUNK_BYTES}; assembled below `SandboxEvent`. */
export interface ChunkContent {
  id: string;
  i: number;
  last: boolean;
  data: string;
}

export const PROTOCOL_VERSION = 2;
export const MAIN_KERNEL = 'main';
/** A message whose JSON is longer than this travels as `chunk`s. */
export const CHUNK_BYTES = 128 * 1024;
/** No honest line is longer (a chunk's data may double by JSON escapes); a longer one is skipped unread. */
export const MAX_LINE_BYTES = 1024 * 1024;
/** An assembled message is never larger. */
export const MAX_MESSAGE_BYTES = 256 * 1024 * 1024;
/** A comm's message as JSON is never larger, either way. */
export const MAX_COMM_BYTES = 16 * 1024 * 1024;
/** Ids are UUIDs or what somebody who drops a command chose. */
export const MESSAGE_ID = /^[\w-]{1,64}$/;
