import type { ExecuteReply, Failure, SandboxEvent } from '../protocol/messages';
import { MAX_NOTICES, MAX_OUTPUTS, shortError, shortTransient } from './bounds';
import { StreamText } from './stream-text';
import type { CellEdit, CellOutput, StreamName } from './types';

/** Characters of a stream that is kept after its run has ended, for what a thread still prints. Text behind a longer one begins another output. */
export const MAX_ENDED_STREAM = 8 * 1024;

/**
 * Seconds from the beginning of a pair of streams in which text goes to the stream's output of that pair, though the other stream
 * spoke between: ipykernel gathers what is written to a stream for so long, whatever the other one says meanwhile.
 */
export const STREAM_PAIR_SECONDS = 0.2;

/** An output that is a stream and may grow. */
interface OpenStream {
  readonly id: number;
  readonly name: StreamName;
  readonly text: StreamText;
}

/** The last outputs, while they are streams: one, or one of each name that began within {@link STREAM_PAIR_SECONDS}. */
interface OpenStreams {
  /** The one that was written last, which is not always the last output. */
  readonly last: OpenStream;
  readonly other: OpenStream | undefined;
  /** When the first text of the first of them was written, by the supervisor's clock in seconds. */
  readonly since: number;
}

/** What the next event of one run depends on. Finished outputs are not kept: only VS Code's document has them. */
export interface CellOutputs {
  readonly started: boolean;
  readonly ended: boolean;
  readonly ordered: boolean;
  /** An error output was made: the reply's copy of it is not shown again. */
  readonly failed: boolean;
  /** `clear_output(wait=True)`: the next output replaces all others. */
  readonly clearPending: boolean;
  readonly nextId: number;
  /** Outputs that are shown. Of those over the bound nothing is, and that is said once, in the first one's place. */
  readonly shown: number;
  /** Where the notices stand that the next one of their kind replaces, by their code. */
  readonly places: Readonly<Partial<Record<string, number>>>;
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
  places: {},
  open: undefined,
};

/**
 * Folds one event of a run into edits of its cell: the same events show the same, wherever the log was cut between two calls.
 * The text of an open stream is changed in place, all else is made anew. `update_display_data` goes across cells, see `NotebookOutputs`.
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
      // one that finds no room is told by the reply
      return then(foldOutput(state, shortError(event.content)), (now) =>
        unchanged({ ...now, failed: state.failed || now.shown <= MAX_OUTPUTS }),
      );
    case 'input_request': // prompt and answer stay in the output, as in a terminal: a box at the top of the window is easily missed
      return event.content.prompt === ''
        ? unchanged(state)
        : foldStream(withoutPair(state), 'stdout', event.content.prompt, event.t);
    case 'notice':
      return foldNotice(state, event.content);
    case 'clear_output':
      return event.content.wait
        ? unchanged({ ...state, clearPending: true })
        : {
            state: { ...state, open: undefined, places: {}, clearPending: false, shown: 0 },
            edits: [{ kind: 'clear' }],
          };
    case 'execute_reply':
      return foldReply(state, event.content);
    default:
      return unchanged(state);
  }
}

/** The reply ends the run, once. It shows a failure, or an error that no event told. */
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
  stream !== undefined && stream.text.length <= MAX_ENDED_STREAM;

function keptAfterEnd(open: OpenStreams | undefined): OpenStreams | undefined {
  if (open === undefined || !isKeptAfterEnd(open.last)) {
    return undefined;
  }
  return isKeptAfterEnd(open.other) ? open : { ...open, other: undefined };
}

/** What comes next stands behind all that was written, as a prompt must: nothing is added to the stream that was not written last. */
const withoutPair = (state: CellOutputs): CellOutputs =>
  state.open === undefined ? state : { ...state, open: { ...state.open, other: undefined, since: -Infinity } };

/** The user cleared the cell: what comes next starts a new output. */
export const forgetOutputs = (state: CellOutputs): CellOutputs => ({
  ...state,
  open: undefined,
  places: {},
  clearPending: false,
  shown: 0,
});

/** What `name?` and `%man` show in a pager: Jupyter's front ends without one show it as an output. */
function pagesOf(reply: ExecuteReply): CellOutput[] {
  return reply.payload.flatMap(({ source, data }) =>
    source === 'page' && typeof data === 'object' && data !== null && !Array.isArray(data)
      ? [{ output_type: 'display_data', data, metadata: {}, transient: {} }]
      : [],
  );
}

function outputOf(state: CellOutputs, reply: ExecuteReply, neverRan: boolean): CellOutput | undefined {
  if (reply.failure !== undefined) {
    // a queued cell that was called off needs no explanation
    return neverRan && reply.failure.code === 'Aborted'
      ? undefined
      : { output_type: 'failure', failure: reply.failure };
  }
  // without a traceback the cell said what was wrong on stderr: a magic that does not exist, a group of exceptions
  if (reply.status !== 'error' || state.failed || reply.traceback.length === 0) {
    return undefined;
  }
  return shortError(reply);
}

/** @param t when it was written, by the supervisor's clock in seconds */
export function foldStream(state: CellOutputs, name: StreamName, text: string, t: number): Folded {
  const open = state.clearPending ? undefined : state.ended ? keptAfterEnd(state.open) : state.open;
  const isOfPair = open !== undefined && t >= open.since && t - open.since < STREAM_PAIR_SECONDS;
  if (open !== undefined && open.last.name === name) {
    open.last.text.write(text);
    return { state: open === state.open ? state : { ...state, open }, edits: [textOf(open.last)] };
  }
  if (isOfPair && open.other !== undefined) {
    // there are two names
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
      open: isOfPair ? { last, other: open.last, since: open.since } : { last, other: undefined, since: t },
    },
  };
}

const textOf = ({ id, name, text }: OpenStream): CellEdit => ({ kind: 'text', id, name, stream: text });

/**
 * A notice of what lasts (the sandbox is out of reach, output is being left out) has one place in the cell, where the next of its
 * kind says what has become of it; text goes on behind it.
 */
function foldNotice(state: CellOutputs, failure: Failure): Folded {
  const output: CellOutput = { output_type: 'notice', failure };
  if (failure.code !== 'OutOfReach' && failure.code !== 'OutputDropped') {
    return foldOutput(state, output);
  }
  const place = state.places[failure.code];
  if (place !== undefined) {
    return { state, edits: [{ kind: 'replace', id: place, output }] };
  }
  // what is said of the sandbox is no output that `clear_output(wait=True)` waits for
  const waiting = state.clearPending && failure.code === 'OutOfReach';
  return then(foldOutput(waiting ? { ...state, clearPending: false } : state, output), (now) =>
    unchanged({
      ...now,
      clearPending: waiting,
      ...(now.nextId > state.nextId && { places: { ...now.places, [failure.code]: state.nextId } }),
    }),
  );
}

/** As long as there is room. A cell that makes outputs without end must not fill the window's memory. */
function foldOutput(state: CellOutputs, output: CellOutput, stream?: StreamText): Folded {
  const room = output.output_type === 'notice' ? MAX_OUTPUTS + MAX_NOTICES : MAX_OUTPUTS;
  if (state.clearPending || state.shown < room) {
    return append(state, output, stream);
  }
  return state.shown > MAX_OUTPUTS
    ? unchanged({ ...state, open: undefined })
    : append(state, { output_type: 'notice', failure: { code: 'OutputDropped', params: { outputs: MAX_OUTPUTS } } });
}

/** VS Code takes outputs of started cells only. */
function append(state: CellOutputs, output: CellOutput, stream?: StreamText): Folded {
  const id = state.nextId;
  return then(start(state, undefined), (now) => ({
    state: {
      ...now,
      nextId: id + 1,
      shown: state.clearPending ? 1 : state.shown + 1,
      open: undefined,
      clearPending: false,
      ...(state.clearPending && { places: {} }),
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
