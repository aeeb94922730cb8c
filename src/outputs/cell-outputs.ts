import type { ExecuteReply, Failure, SandboxEvent } from '../protocol/messages';
import { MAX_NOTICES, MAX_OUTPUTS, shortError, shortTransient } from './bounds';
import { StreamText } from './stream-text';
import type { CellEdit, CellOutput, StreamName } from './types';

/**
 * Maximum length in UTF-16 units of a stream that is kept after its run has ended, so that late text of a thread is added to it. Late text after
 * a longer stream begins another output.
 */
export const MAX_ENDED_STREAM_LENGTH = 8 * 1024;

/**
 * Time from the beginning of a pair of streams in which text is added to the stream's output of that pair, although text of the other stream
 * came in between. ipykernel collects the text of each stream for this time, independently of the other stream.
 */
export const STREAM_PAIR_SECONDS = 0.2;

/** A stream output that may grow. */
interface OpenStream {
  readonly id: number;
  readonly name: StreamName;
  readonly text: StreamText;
}

/** The last outputs while they are streams: one, or a pair of both names that began within {@link STREAM_PAIR_SECONDS}. */
interface OpenStreams {
  /** The stream that was written last, which is not always the last output. */
  readonly last: OpenStream;
  readonly other: OpenStream | undefined;
  /** The time of the first text of the first stream, on the supervisor's clock in seconds. */
  readonly since: number;
}

/** The state of one run on which the next event depends. Finished outputs are not kept, only VS Code's document has them. */
export interface CellOutputs {
  readonly started: boolean;
  readonly ended: boolean;
  readonly ordered: boolean;
  /** Whether an error output was created, so that its copy in the reply is not shown again. */
  readonly failed: boolean;
  /** Whether `clear_output(wait=True)` was called, so that the next output replaces all others. */
  readonly clearPending: boolean;
  readonly nextId: number;
  /** The number of outputs. Outputs over the maximum are not shown; one notice in place of the first of them says so. */
  readonly shown: number;
  /** The output ids of notices that the next notice with the same code replaces. */
  readonly noticeIds: Readonly<Partial<Record<string, number>>>;
  readonly open: OpenStreams | undefined;
}

export interface Folded {
  state: CellOutputs;
  edits: CellEdit[];
}

export const newCellOutputs: CellOutputs = {
  started: false,
  ended: false,
  ordered: false,
  failed: false,
  clearPending: false,
  nextId: 0,
  shown: 0,
  noticeIds: {},
  open: undefined,
};

/**
 * Folds one event of a run into edits of its cell. The result depends only on the events, not on where the log was cut between two calls.
 * The text of an open stream is changed in place; the rest of the state is copied. `NotebookOutputs` handles `update_display_data`, which
 * may change other cells.
 */
export function foldEvent(state: CellOutputs, event: SandboxEvent): Folded {
  switch (event.msg_type) {
    case 'status':
      return event.content.execution_state === 'busy' ? start(state, event.t) : unchanged(state);
    case 'execute_input': {
      const begun = start(state, event.t);
      return then(begun, (now) => order(now, event.content.execution_count));
    }
    case 'stream':
      return foldStream(state, event.content.name, event.content.text, event.t);
    case 'display_data':
      return foldOutput(state, {
        output_type: 'display_data',
        ...event.content,
        transient: shortTransient(event.content.transient),
      });
    case 'execute_result':
      return foldOutput(state, {
        output_type: 'execute_result',
        ...event.content,
        transient: shortTransient(event.content.transient),
      });
    case 'error':
      // an error that exceeds the maximum number of outputs is shown by the reply
      return then(foldOutput(state, shortError(event.content)), (now) =>
        unchanged({ ...now, failed: state.failed || now.shown <= MAX_OUTPUTS }),
      );
    case 'input_request': // prompt and answer stay in the output as in a terminal, because the input box at the top is easily missed
      return event.content.prompt === ''
        ? unchanged(state)
        : foldStream(withoutPair(state), 'stdout', event.content.prompt, event.t);
    case 'notice':
      return foldNotice(state, event.content);
    case 'clear_output':
      return event.content.wait
        ? unchanged({ ...state, clearPending: true })
        : {
            state: { ...state, open: undefined, noticeIds: {}, clearPending: false, shown: 0 },
            edits: [{ kind: 'clear' }],
          };
    case 'execute_reply':
      return foldReply(state, event.content);
    default:
      return unchanged(state);
  }
}

/** Ends the run by its reply, once. It shows a failure, or an error that no event has shown. */
export function foldReply(state: CellOutputs, reply: ExecuteReply): Folded {
  if (state.ended) {
    return unchanged(state);
  }
  let folded: Folded = unchanged(state);
  const neverRan = reply.status === 'aborted' && !state.started;
  if (reply.execution_count !== null && !state.ordered && !neverRan) {
    const count = reply.execution_count;
    folded = then(
      then(folded, (now) => start(now, undefined)),
      (now) => order(now, count),
    );
  }
  const output = outputOf(state, reply, neverRan);
  for (const shown of [...pagesOf(reply), ...(output === undefined ? [] : [output])]) {
    folded = then(folded, (now) => append(now, shown));
  }
  return then(folded, (now) => ({
    state: { ...now, ended: true, open: keptAfterEnd(now.open) },
    edits: [{ kind: 'end', success: reply.status === 'ok' }],
  }));
}

const isKeptAfterEnd = (stream: OpenStream | undefined): boolean =>
  stream !== undefined && stream.text.length <= MAX_ENDED_STREAM_LENGTH;

function keptAfterEnd(open: OpenStreams | undefined): OpenStreams | undefined {
  if (open === undefined || !isKeptAfterEnd(open.last)) {
    return undefined;
  }
  return isKeptAfterEnd(open.other) ? open : { ...open, other: undefined };
}

/** Makes the next text follow all earlier text, as a prompt must: no text is added to the stream that was not written last. */
const withoutPair = (state: CellOutputs): CellOutputs =>
  state.open === undefined ? state : { ...state, open: { ...state.open, other: undefined, since: -Infinity } };

/** The state after the user has cleared the cell: further text begins a new output. */
export const forgetOutputs = (state: CellOutputs): CellOutputs => ({
  ...state,
  open: undefined,
  noticeIds: {},
  clearPending: false,
  shown: 0,
});

/** The text that `name?` and `%man` show in a pager. Jupyter's front ends without a pager show it as an output. */
function pagesOf(reply: ExecuteReply): CellOutput[] {
  return reply.payload.flatMap(({ source, data }) =>
    source === 'page' && typeof data === 'object' && data !== null && !Array.isArray(data)
      ? [{ output_type: 'display_data', data, metadata: {}, transient: {} }]
      : [],
  );
}

function outputOf(state: CellOutputs, reply: ExecuteReply, neverRan: boolean): CellOutput | undefined {
  if (reply.failure !== undefined) {
    // a queued cell that was aborted needs no explanation
    return neverRan && reply.failure.code === 'Aborted'
      ? undefined
      : { output_type: 'failure', failure: reply.failure };
  }
  // Without a traceback the error was printed to stderr, for example for an unknown magic or an exception group.
  if (reply.status !== 'error' || state.failed || reply.traceback.length === 0) {
    return undefined;
  }
  return shortError(reply);
}

/** @param t the time when the text was written, on the supervisor's clock in seconds */
export function foldStream(state: CellOutputs, name: StreamName, text: string, t: number): Folded {
  const open = state.clearPending ? undefined : state.ended ? keptAfterEnd(state.open) : state.open;
  const isWithinPair = open !== undefined && t >= open.since && t - open.since < STREAM_PAIR_SECONDS;
  if (open !== undefined && open.last.name === name) {
    open.last.text.write(text);
    return { state: open === state.open ? state : { ...state, open }, edits: [textOf(open.last)] };
  }
  if (isWithinPair && open.other !== undefined) {
    // there are only two names
    open.other.text.write(text);
    return { state: { ...state, open: { ...open, last: open.other, other: open.last } }, edits: [textOf(open.other)] };
  }
  const stream = new StreamText(text);
  const folded = foldOutput(state, { output_type: 'stream', name, text: stream.text() }, stream);
  if (folded.state.shown > MAX_OUTPUTS) {
    return folded;
  }
  const last = { id: state.nextId, name, text: stream };
  return {
    ...folded,
    state: {
      ...folded.state,
      open: isWithinPair ? { last, other: open.last, since: open.since } : { last, other: undefined, since: t },
    },
  };
}

const textOf = ({ id, name, text }: OpenStream): CellEdit => ({ kind: 'text', id, name, stream: text });

/**
 * Folds a notice. A notice of a lasting condition (the sandbox is out of reach, output is left out) has one output in the cell, which the next
 * notice with the same code replaces. Text continues after it.
 */
function foldNotice(state: CellOutputs, failure: Failure): Folded {
  const output: CellOutput = { output_type: 'notice', failure };
  if (failure.code !== 'OutOfReach' && failure.code !== 'OutputDropped') {
    return foldOutput(state, output);
  }
  const id = state.noticeIds[failure.code];
  if (id !== undefined) {
    return { state, edits: [{ kind: 'replace', id, output }] };
  }
  // a notice about the sandbox is not the output that `clear_output(wait=True)` waits for
  const waiting = state.clearPending && failure.code === 'OutOfReach';
  return then(foldOutput(waiting ? { ...state, clearPending: false } : state, output), (now) =>
    unchanged({
      ...now,
      clearPending: waiting,
      ...(now.nextId > state.nextId && { noticeIds: { ...now.noticeIds, [failure.code]: state.nextId } }),
    }),
  );
}

/** Appends an output if the maximum is not reached. A cell that creates endless outputs must not fill the window's memory. */
function foldOutput(state: CellOutputs, output: CellOutput, stream?: StreamText): Folded {
  const room = output.output_type === 'notice' ? MAX_OUTPUTS + MAX_NOTICES : MAX_OUTPUTS;
  if (state.clearPending || state.shown < room) {
    return append(state, output, stream);
  }
  return state.shown > MAX_OUTPUTS
    ? unchanged({ ...state, open: undefined })
    : append(state, { output_type: 'notice', failure: { code: 'OutputDropped', params: { outputs: MAX_OUTPUTS } } });
}

/** Appends an output, and starts the run first, because VS Code accepts outputs only for started cells. */
function append(state: CellOutputs, output: CellOutput, stream?: StreamText): Folded {
  const id = state.nextId;
  return then(start(state, undefined), (now) => ({
    state: {
      ...now,
      nextId: id + 1,
      shown: state.clearPending ? 1 : state.shown + 1,
      open: undefined,
      clearPending: false,
      ...(state.clearPending && { noticeIds: {} }),
    },
    edits: [{ kind: state.clearPending ? 'replaceAll' : 'append', id, output, ...(stream && { stream }) }],
  }));
}

const start = (state: CellOutputs, t: number | undefined): Folded =>
  state.started ? unchanged(state) : { state: { ...state, started: true }, edits: [{ kind: 'start', t }] };

const order = (state: CellOutputs, count: number): Folded =>
  state.ordered
    ? unchanged(state)
    : { state: { ...state, ordered: true }, edits: [{ kind: 'setExecutionOrder', order: count }] };

const unchanged = (state: CellOutputs): Folded => ({ state, edits: [] });

function then(first: Folded, next: (state: CellOutputs) => Folded): Folded {
  const second = next(first.state);
  return { state: second.state, edits: [...first.edits, ...second.edits] };
}
