import {
  base64,
  count,
  countOrNull,
  failure,
  fields,
  flag,
  id,
  idOrEmpty,
  Invalid,
  json,
  jsonList,
  key,
  list,
  mimeBundle,
  name,
  number,
  oneOf,
  optional,
  text,
  type Fields,
} from './check';
import {
  INSTALL_OPTIONS,
  MAX_KERNELS,
  type Channel,
  type ChunkContent,
  type EventContents,
  type EventOf,
  type EventType,
  type ExecuteReply,
  type ExecutionState,
  type SandboxEvent,
  type Signature,
} from './messages';

/** The position of a `chunk` in the log. A message gets the position of its last chunk. */
export type ChunkPlace = Pick<EventOf<EventType>, 'seq' | 'kernel' | 'gen' | 't' | 'channel'>;

/** What one line from a sandbox is. `seq` is set if it could be read, because the log goes on after a bad line. */
export type Decoded =
  | { kind: 'event'; event: SandboxEvent }
  | { kind: 'chunk'; place: ChunkPlace; msgId: string; chunk: ChunkContent }
  | { kind: 'unknown'; seq: number; msgType: string }
  /** A line that is JSON but not a valid event. `msgId` is the command that it claims to belong to, or '' if that could not be read. */
  | { kind: 'invalid'; seq: number; msgId: string; reason: string }
  | { kind: 'garbage' };

const channel = oneOf(['shell', 'control', 'stdin', 'iopub'] as const satisfies readonly Channel[]);
const state = oneOf(['starting', 'idle', 'busy', 'restarting', 'dead'] as const satisfies readonly ExecutionState[]);
const outcome = oneOf(['ok', 'error', 'aborted']);
const answered = oneOf(['ok', 'error', 'busy']);
const done = oneOf(['ok', 'error']);

function signature(value: unknown, field: string): Signature {
  const { label, parameters, active, documentation } = fields(value, field);
  return {
    label: text(label, `${field}.label`),
    parameters: list(parameters ?? [], `${field}.parameters`, text),
    active: countOrNull(active ?? null, `${field}.active`),
    documentation: text(documentation ?? '', `${field}.documentation`),
  };
}

const display = (c: Fields): EventContents['display_data'] => ({
  data: mimeBundle(c['data'], 'data'),
  metadata: json(c['metadata'] ?? {}, 'metadata'),
  transient: json(c['transient'] ?? {}, 'transient'),
});
const traced = (c: Fields): EventContents['error'] => ({
  ename: name(c['ename'], 'ename'),
  evalue: text(c['evalue'], 'evalue'),
  traceback: list(c['traceback'], 'traceback', text),
});

const commMessage = (c: Fields): EventContents['comm_msg'] => ({
  comm_id: key(c['comm_id'], 'comm_id'),
  data: json(c['data'] ?? {}, 'data'),
});

const executeReply = (c: Fields): ExecuteReply => {
  const ended = optional(c['failure'], 'failure', failure);
  return {
    status: outcome(c['status'], 'status'),
    execution_count: countOrNull(c['execution_count'] ?? null, 'execution_count'),
    ename: name(c['ename'] ?? '', 'ename'),
    evalue: text(c['evalue'] ?? '', 'evalue'),
    traceback: list(c['traceback'] ?? [], 'traceback', text),
    payload: jsonList(c['payload'] ?? [], 'payload'),
    user_expressions: json(c['user_expressions'] ?? {}, 'user_expressions'),
    ...(ended && { failure: ended }),
  };
};

const openCell = (value: unknown, field: string): EventContents['hello']['kernels'][string]['cells'][number] => {
  const cell = fields(value, field);
  return { msg_id: id(cell['msg_id'], field), metadata: json(cell['metadata'] ?? {}, field) };
};

const kernels = (value: unknown): EventContents['hello']['kernels'] => {
  const checked: EventContents['hello']['kernels'] = {};
  for (const [kernelName, raw] of Object.entries(fields(value, 'kernels')).slice(0, MAX_KERNELS)) {
    const kernel = fields(raw, 'kernels');
    const request = idOrEmpty(kernel['request'] ?? '', 'request');
    checked[id(kernelName, 'kernels')] = {
      gen: count(kernel['gen'], 'gen'),
      execution_state: state(kernel['execution_state'], 'execution_state'),
      msg_id: idOrEmpty(kernel['msg_id'], 'msg_id'),
      execution_count: count(kernel['execution_count'], 'execution_count'),
      request,
      requests: list(kernel['requests'] ?? (request === '' ? [] : [request]), 'requests', id),
      cells: list(kernel['cells'] ?? [], 'cells', openCell),
    };
  }
  return checked;
};

/** Cuts a requirement at 300 characters, which is longer than any that is allowed. */
const short = (value: unknown, field: string): string => text(value, field).slice(0, 300);
const nothing = (): Record<string, never> => ({});

/** One check per event type. It builds the content again from the fields that the type has, so that no other field is passed on. */
const CONTENT: { [T in EventType]: (c: Fields) => EventContents[T] } = {
  status: (c) => {
    const cause = optional(c['failure'], 'failure', failure);
    const commId = optional(c['comm_id'], 'comm_id', key);
    return {
      execution_state: state(c['execution_state'], 'execution_state'),
      ...(cause && { failure: cause }),
      ...(commId !== undefined && { comm_id: commId }),
    };
  },
  execute_input: (c) => ({
    code: text(c['code'], 'code'),
    execution_count: count(c['execution_count'], 'execution_count'),
  }),
  stream: (c) => ({
    name: c['name'] === 'stdout' ? 'stdout' : oneOf(['stdout', 'stderr'])(c['name'], 'name'),
    text: text(c['text'], 'text'),
  }),
  display_data: display,
  update_display_data: display,
  execute_result: (c) => ({ ...display(c), execution_count: count(c['execution_count'], 'execution_count') }),
  error: traced,
  clear_output: (c) => ({ wait: flag(c['wait'] ?? false, 'wait') }),
  comm_open: (c) => ({ ...commMessage(c), target_name: name(c['target_name'] ?? '', 'target_name') }),
  comm_msg: commMessage,
  comm_close: commMessage,
  notice: (c) => failure(c, 'notice'),
  input_request: (c) => ({
    prompt: text(c['prompt'], 'prompt').slice(0, 65_536),
    password: flag(c['password'], 'password'),
    request: id(c['request'], 'request'),
  }),
  install_request: (c) => ({
    request: id(c['request'], 'request'),
    requirements: list(c['requirements'], 'requirements', short),
    options: list(c['options'] ?? [], 'options', oneOf(INSTALL_OPTIONS)),
  }),
  execute_reply: executeReply,
  complete_reply: (c) => ({
    status: answered(c['status'], 'status'),
    matches: list(c['matches'] ?? [], 'matches', text),
    cursor_start: count(c['cursor_start'] ?? 0, 'cursor_start'),
    cursor_end: count(c['cursor_end'] ?? 0, 'cursor_end'),
    metadata: json(c['metadata'] ?? {}, 'metadata'),
  }),
  inspect_reply: (c) => ({
    status: answered(c['status'], 'status'),
    found: flag(c['found'] ?? false, 'found'),
    data: mimeBundle(c['data'] ?? {}, 'data'),
    metadata: json(c['metadata'] ?? {}, 'metadata'),
  }),
  signature_reply: (c) => ({
    status: answered(c['status'], 'status'),
    signatures: list(c['signatures'] ?? [], 'signatures', signature),
  }),
  accepted: (c) => ({ msg_type: name(c['msg_type'], 'msg_type') }),
  interrupt_reply: (c) => ({
    status: done(c['status'], 'status'),
    step: oneOf(['interrupt', 'interrupt-again', 'kill', 'aborted', 'stale'])(c['step'], 'step'),
  }),
  reset_reply: (c) => ({ status: done(c['status'], 'status') }),
  shutdown_reply: () => ({ status: 'ok' }),
  hello: (c) => ({
    boot: id(c['boot'], 'boot'),
    protocol: count(c['protocol'], 'protocol'),
    runner: name(c['runner'], 'runner'),
    python: name(c['python'], 'python'),
    ipython: name(c['ipython'], 'ipython'),
    first: count(c['first'], 'first'),
    last: count(c['last'], 'last'),
    writer: flag(c['writer'], 'writer'),
    kernels: kernels(c['kernels']),
  }),
  pong: nothing,
  gap: (c) => ({ from: count(c['from'], 'from'), to: count(c['to'], 'to'), bytes: count(c['bytes'], 'bytes') }),
  comm_gap: (c) => ({ messages: count(c['messages'], 'messages'), bytes: count(c['bytes'], 'bytes') }),
  refused: (c) => failure(c, 'refused'),
};

/** The binary parts of an event. */
export const buffersOf = ({ buffers }: Pick<SandboxEvent, 'buffers'>): Uint8Array[] =>
  buffers.map((one) => Buffer.from(one, 'base64'));

const isEventType = (value: unknown): value is EventType => typeof value === 'string' && Object.hasOwn(CONTENT, value);

/** Checks one line of a stream or of the log. Never throws. */
export function decodeLine(line: string): Decoded {
  const value = parsed(line);
  return value === undefined ? { kind: 'garbage' } : decodeEvent(value);
}

function decodeEvent(value: unknown): Decoded {
  return guarded(value, () => {
    const raw = fields(value, 'event');
    const place = {
      seq: count(raw['seq'], 'seq'),
      kernel: id(raw['kernel'], 'kernel'),
      gen: count(raw['gen'], 'gen'),
      t: number(raw['t'], 't'),
      channel: channel(raw['channel'], 'channel'),
    };
    if (raw['msg_type'] !== 'chunk') {
      return message(place, raw);
    }
    const chunk = fields(raw['content'], 'content');
    return {
      kind: 'chunk',
      place,
      msgId: idOrEmpty(fields(raw['parent_header'], 'parent_header')['msg_id'], 'parent_header.msg_id'),
      chunk: {
        id: id(chunk['id'], 'id'),
        i: count(chunk['i'], 'i'),
        last: flag(chunk['last'], 'last'),
        data: text(chunk['data'], 'data'),
      },
    };
  });
}

/** Checks the message that the chunks of one series form together. It must not be a chunk itself. */
export function decodeAssembled(place: ChunkPlace, joined: string): Decoded {
  const value = parsed(joined);
  return guarded({ seq: place.seq, parent_header: (value as Fields | null | undefined)?.['parent_header'] }, () =>
    message(place, fields(value, 'message')),
  );
}

function message(place: ChunkPlace, raw: Fields): Decoded {
  const type = raw['msg_type'];
  if (!isEventType(type)) {
    return { kind: 'unknown', seq: place.seq, msgType: name(type, 'msg_type') };
  }
  const event: EventOf<EventType> = {
    seq: place.seq,
    kernel: place.kernel,
    gen: place.gen,
    t: place.t,
    channel: place.channel,
    msg_type: type,
    parent_header: {
      msg_id: idOrEmpty(fields(raw['parent_header'], 'parent_header')['msg_id'], 'parent_header.msg_id'),
    },
    content: CONTENT[type](fields(raw['content'], 'content')),
    metadata: json(raw['metadata'] ?? {}, 'metadata'),
    buffers: list(raw['buffers'] ?? [], 'buffers', base64),
  };
  return { kind: 'event', event: event as SandboxEvent }; // CONTENT maps each type to its content; the compiler does not track that through the lookup
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json) as unknown;
  } catch {
    return undefined; // which no JSON text gives
  }
}

function guarded(value: unknown, decode: () => Decoded): Decoded {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof Invalid)) {
      throw error;
    }
    const raw = (value ?? {}) as { seq?: unknown; parent_header?: { msg_id?: unknown } | null };
    const seq = Number.isSafeInteger(raw.seq) && (raw.seq as number) > 0 ? (raw.seq as number) : 0;
    const parent = raw.parent_header?.msg_id;
    return {
      kind: 'invalid',
      seq,
      msgId: typeof parent === 'string' ? parent.slice(0, 64) : '',
      reason: error.message,
    };
  }
}
