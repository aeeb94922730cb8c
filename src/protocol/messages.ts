/**
 * The messages between a host and a sandbox, one JSON object per line. Names and fields are those of the Jupyter
 * messaging specification (https://jupyter-client.readthedocs.io/en/stable/messaging.html) wherever it has them.
 * Our additions (acknowledgement, the log, its gaps, causes of death) are marked "ours" below and in README.md.
 */

export type Channel = 'shell' | 'control' | 'stdin' | 'iopub';
export type JsonValue = null | boolean | number | string | JsonValue[] | { [key: string]: JsonValue };
export type JsonObject = { [key: string]: JsonValue };

/** A failure or notice from the runner: a code with parameters. `src/messages.ts` has the sentences. */
export interface Failure {
  /** A {@link import('./errors').FailureCode} from an honest runner; a hostile one may send any short text. */
  code: string;
  params: Record<string, string | number | boolean>;
}

// ---------------------------------------------------------------------------------------------------- host → sandbox

/** The position of a cell in its notebook, so that a later window finds the cell again. The sandbox never interprets it. */
export interface CellMetadata {
  cellId?: string;
  index?: number;
  sourceHash?: string;
  /** All cells of one run-all share this id. An error or interrupt aborts only the queued cells of that run. */
  runId?: string;
}

/** What the log keeps of an answer to a prompt, so that a later window shows it where it was typed. The sandbox never interprets it. */
export interface AnswerMetadata {
  /** msg_id of the execute_request whose prompt was answered. */
  cell: string;
  /** The text that the cell's output shows for the answer, with its newline; never a password. */
  echo: string;
}

/** The options that an install may have besides its requirements, with pip's names. */
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
    /** Time limit in seconds in which the sandbox is awake, without the time of prompts; 0 = no limit. Ours. */
    timeout: number;
    /**
     * The working folder, as a path below the sandbox's home, for a kernel that is fresh or still in the folder that it was given last;
     * '' = do not change it. Ours.
     */
    folder: string;
    /** The folder below the home that has the copy of the user's project; '' = none. Ours. */
    project: string;
  };
  // shell, queued with the cells and handled without a reply: `status: idle` marks the end
  /** Opens the kernel's side of a comm, for a target that a cell has registered. */
  comm_open: { comm_id: string; target_name: string; data: JsonObject; timeout: number };
  /** `timeout` limits the kernel's handling of the message, like that of a cell. Ours. */
  comm_msg: { comm_id: string; data: JsonObject; timeout: number };
  comm_close: { comm_id: string; data: JsonObject; timeout: number };
  // shell, answered at once: by the idle kernel, or `status: "busy"`
  complete_request: { code: string; cursor_pos: number };
  inspect_request: { code: string; cursor_pos: number; detail_level: 0 | 1 };
  /** Ours. Asks for the signatures of the innermost call around the cursor. */
  signature_request: { code: string; cursor_pos: number };
  // stdin
  /** `request` is the `request` of the `input_request` that this message answers. */
  input_reply: { value: string; request: string };
  /** Ours. Output of pip, or '' to show that the install goes on. `request` is that of the `install_request`. */
  install_output: { request: string; text: string };
  /** Ours. Answers an `install_request`. `reason` is text for people, '' on success. */
  install_reply: { request: string; status: 'ok' | 'error'; reason: string };
  // control
  /**
   * Ours. The first line of every stream: the sandbox replays the events after `after`, then sends new ones. If `boot` is not the
   * supervisor's, `after` counts as 0. `host` is a random id of this session object, the same on every stream that it opens: a new stream
   * of the same host supersedes the old one (which may be cut without the sandbox knowing yet) and stays the writer.
   * `take_over` ends the stream of another host that is the writer.
   */
  follow_request: { after: number; boot: string; writer: boolean; host: string; take_over: boolean };
  /** Ours. Answered by `pong`. */
  ping: Record<string, never>;
  /**
   * `msg_id` names the execute_request to interrupt, so that a late interrupt hits no other cell. `run` (ours) is false to abort only that
   * cell if it is queued, while the other cells of its run go on.
   */
  interrupt_request: { msg_id: string; run: boolean };
  /** Ours. Starts a fresh kernel; `clear` also empties `/sandbox` and `/tmp`. */
  reset_request: { files: 'keep' | 'clear'; history_size: number };
  shutdown_request: Record<string, never>;
}
export type CommandType = keyof CommandContents;

export interface Command<T extends CommandType = CommandType> {
  header: { msg_id: string; msg_type: T };
  /** The name of a kernel of the sandbox; the first is `main`. */
  kernel: string;
  channel: Channel;
  content: CommandContents[T];
  metadata: T extends CommType ? JsonObject : CellMetadata | AnswerMetadata;
  /** Base64. */
  buffers: string[];
}

/** One part of a command whose JSON is longer than {@link CHUNK_BYTES}. The joined `data` of all parts is the command's line. */
export interface CommandChunk extends Pick<Command, 'kernel' | 'channel' | 'buffers'> {
  header: { msg_id: string; msg_type: 'chunk' };
  content: ChunkContent;
  metadata: Record<string, never>;
}

/** The messages of a comm, in both directions. */
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
  signature_request: 'shell',
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

/** A MIME bundle as in nbformat: text, base64 for binary types, or JSON for `+json` types. */
export type MimeBundle = Record<string, JsonValue>;

export interface ExecuteReply {
  status: 'ok' | 'error' | 'aborted';
  /** IPython's execution count of this cell; null if the cell never reached IPython. */
  execution_count: number | null;
  ename: string;
  evalue: string;
  traceback: string[];
  payload: JsonObject[];
  user_expressions: JsonObject;
  /** Ours: what ended the cell, if that was not its own code (time limit, death, interrupt, abort). */
  failure?: Failure;
}

/** State of one kernel in `hello` and `status`. */
export type ExecutionState = 'starting' | 'idle' | 'busy' | 'restarting' | 'dead';

/** One kernel in `hello`. */
export interface KernelRecord {
  gen: number;
  execution_state: ExecutionState;
  /** msg_id of the running cell; '' = none. */
  msg_id: string;
  execution_count: number;
  /** The latest of `requests`, for a host that supports only one; '' = none. */
  request: string;
  /**
   * Every `input_request` and `install_request` that the cell waits for, the latest last. A supervisor of an earlier version sends only
   * the latest.
   */
  requests: string[];
  /** Cells without a reply, the running one first, as many as fit. `metadata` is that of their commands, unchecked. */
  cells: { msg_id: string; metadata: JsonObject }[];
}

export interface EventContents {
  // iopub
  /** `comm_id` (ours) is set if the parent is a message of that comm and not a cell. */
  status: { execution_state: ExecutionState; failure?: Failure; comm_id?: string };
  execute_input: { code: string; execution_count: number };
  stream: { name: 'stdout' | 'stderr'; text: string };
  display_data: { data: MimeBundle; metadata: JsonObject; transient: JsonObject };
  update_display_data: { data: MimeBundle; metadata: JsonObject; transient: JsonObject };
  execute_result: { data: MimeBundle; metadata: JsonObject; transient: JsonObject; execution_count: number };
  error: { ename: string; evalue: string; traceback: string[] };
  clear_output: { wait: boolean };
  /** `target_name` names the purpose of the comm; a widget's state is in `data`. */
  comm_open: { comm_id: string; target_name: string; data: JsonObject };
  comm_msg: { comm_id: string; data: JsonObject };
  comm_close: { comm_id: string; data: JsonObject };
  /** Ours: information for the user in the cell's output that is not an error of its code. */
  notice: Failure;
  // stdin
  input_request: { prompt: string; password: boolean; request: string };
  /** Ours. The cell waits until its packages are installed. The requirements are as the cell wrote them, unchecked. */
  install_request: { request: string; requirements: string[]; options: InstallOption[] };
  // shell
  execute_reply: ExecuteReply;
  /** Unlogged: sent only to the host that asked. */
  complete_reply: {
    status: 'ok' | 'error' | 'busy';
    matches: string[];
    cursor_start: number;
    cursor_end: number;
    metadata: JsonObject;
  };
  /** Unlogged: sent only to the host that asked. */
  inspect_reply: { status: 'ok' | 'error' | 'busy'; found: boolean; data: MimeBundle; metadata: JsonObject };
  /** Ours. Unlogged: sent only to the host that asked. Several signatures are those of an overloaded function. */
  signature_reply: { status: 'ok' | 'error' | 'busy'; signatures: Signature[] };
  // control, all ours
  /** The command is in the log and will run (or has run) once. `metadata` is that of the command; a `status` busy has its cell's metadata too. */
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
    /** The log holds the events `first` to `last` now. */
    first: number;
    last: number;
    writer: boolean;
    kernels: Record<string, KernelRecord>;
  };
  /** Unlogged. */
  pong: Record<string, never>;
  /** Unlogged. The events `from` to `to` are no longer in the log. The `seq` of the gap itself is `to`. */
  gap: { from: number; to: number; bytes: number };
  /** Unlogged. The number and size of earlier comm messages that are no longer in the log, without updates whose keys were set again. */
  comm_gap: { messages: number; bytes: number };
  /** Unlogged. The supervisor refused a line of this host; `parent_header` names the line if its id could be read. */
  refused: Failure;
}
/** One signature of the called function, as jedi describes it. */
export interface Signature {
  /** The whole signature, such as `f(a, b=1)`. */
  label: string;
  /** Each parameter as it appears in the label. */
  parameters: string[];
  /** Index of the parameter that the argument at the cursor fills; null if it fills none. */
  active: number | null;
  /** The function's docstring; '' = none. */
  documentation: string;
}

export type EventType = keyof EventContents;

export interface EventOf<T extends EventType> {
  /** Position in the sandbox's only log, from 1; 0 for an unlogged answer to this host alone. */
  seq: number;
  kernel: string;
  /** Generation of the kernel, which grows by one with every fresh process. */
  gen: number;
  /** Time in seconds on the supervisor's monotonic clock. */
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

/** The questions that the sandbox answers at once and without a place in the log, with the types of their answers. */
export const QUERY_ANSWER = {
  complete_request: 'complete_reply',
  inspect_request: 'inspect_reply',
  signature_request: 'signature_reply',
} as const satisfies Partial<Record<CommandType, EventType>>;
export type QueryType = keyof typeof QUERY_ANSWER;
export type QueryAnswer<T extends QueryType> = EventOf<(typeof QUERY_ANSWER)[T]>;

/** One part of an event whose JSON is longer than {@link CHUNK_BYTES}; the parts are joined before they become a `SandboxEvent`. */
export interface ChunkContent {
  id: string;
  i: number;
  last: boolean;
  data: string;
}

export const PROTOCOL_VERSION = 2;
export const MAIN_KERNEL = 'main';
/** Maximum number of kernels of one sandbox that are told apart. No honest sandbox has more. */
export const MAX_KERNELS = 100;
/** A message whose JSON is longer than this travels as `chunk`s. */
export const CHUNK_BYTES = 128 * 1024;
/** No honest line is longer, as JSON escapes at most double a chunk's data. A longer line is skipped unread. */
export const MAX_LINE_BYTES = 1024 * 1024;
/** Maximum size of a message that was joined from chunks. */
export const MAX_MESSAGE_BYTES = 256 * 1024 * 1024;
/** Maximum size of a comm's message as JSON, in both directions. */
export const MAX_COMM_BYTES = 16 * 1024 * 1024;
/** An id is a UUID, or chosen by whatever put a command into the queue. */
export const MESSAGE_ID = /^[\w-]{1,64}$/;
