import type { ExecuteReply, Failure } from '../../../src/protocol/messages';
import { shownAfter, type Program, type Shown } from './program';
import type { CellRecords } from './records';

export const KINDS = [
  'kernel',
  'relay',
  'supervisor',
  'container',
  'streams cut',
  'streams delayed',
  'streams half-written',
  'engine paused',
  'container paused',
  'engine restarted',
  'disk full',
  'window reloaded',
] as const;
export type FaultKind = (typeof KINDS)[number];

/** A fault that has hit. Milliseconds since 1970; `until` is Infinity while it lasts. */
export interface Fault {
  kind: FaultKind;
  detail: string;
  from: number;
  until: number;
  /** The session it hit. */
  sandbox?: string;
  /** The window it hit. Neither: all of the engine. */
  window?: number;
  /** It found nothing to hit, or not as it should; it is not counted. */
  tried?: boolean;
  /** Containers go on: it explains the end of none. */
  spares?: boolean;
}

/** One cell from the moment it was sent. */
export interface CellRun {
  program: Program;
  msgId: string;
  sandbox: string;
  runId: string;
  sent: number;
  ended?: number;
  reply?: ExecuteReply;
  /**
   * Why there will be no reply: its window went before the sandbox had accepted it (then it must never run), or its sandbox
   * ended while there was no window.
   */
  without?: 'never accepted' | 'sandbox gone';
}

/** What is wrong with one cell. */
export interface Finding {
  wrong: 'stuck' | 'lost' | 'doubled' | 'ran twice' | 'unexplained';
  cell: string;
  why: string;
}

export interface Evidence {
  records: CellRecords | undefined;
  shown: readonly Shown[];
  notices: readonly Failure[];
  /** Cells of the same run before this one. */
  before: readonly CellRun[];
  /** All that may have hit this cell: of its sandbox, its window and the engine. */
  faults: readonly Fault[];
}

/** Milliseconds that the consequences of a fault may last, on a machine with other work. */
const AFTERMATH = 20_000;
/** Output that is older than this when its container dies has reached a host that was attached and read it, in milliseconds. */
const ON_ITS_WAY = 3_000;
/** What the cell says that ran, where those behind it are `Aborted`: a supervisor that is asked to end has that much time left. */
const DEATHS: ReadonlySet<string> = new Set(['KernelDied', 'SandboxGone']);
const HOLDS_OUTPUT_UP: ReadonlySet<FaultKind> = new Set<FaultKind>([
  'relay',
  'streams cut',
  'streams delayed',
  'streams half-written',
  'engine paused',
  'container paused',
  'engine restarted',
  'window reloaded',
]);

/**
 * Holds one cell against its own records. What is accepted, and nothing else:
 * - a cell that came to its end, whatever happened meanwhile, shows exactly what it printed, and did every step once;
 * - a cell whose kernel was killed shows exactly what was printed up to that moment (a record is made after its step, so the step that was being
 *   done may be there, in part if it is text);
 * - a cell whose container was killed shows what was printed up to some moment before, not more than {@link ON_ITS_WAY} before if nothing held its stream up;
 * - a cell that was called off, and one whose sandbox could not be had, never began and shows nothing;
 * - each end but the cell's own needs the fault that explains it, and no notice says that output is missing.
 */
export function judge(run: CellRun, evidence: Evidence): Finding[] {
  const {
    program: { cell },
    reply,
  } = run;
  const records = evidence.records ?? { begun: [], steps: [], ended: 0 };
  const findings: Finding[] = [];
  const found = (wrong: Finding['wrong'], why: string): void => {
    findings.push({ wrong, cell, why });
  };
  const [first] = evidence.notices;
  if (first) {
    found('lost', `a notice says ${first.code} ${JSON.stringify(first.params)}`);
  }
  if (records.begun.length > 1) {
    found('ran twice', `it began ${records.begun.length} times`);
  }
  const odd = records.steps.findIndex(({ number }, i) => number !== i);
  if (odd >= 0) {
    found('ran twice', `step ${records.steps[odd]?.number} was done at place ${odd}`);
  }
  if (reply === undefined && run.without === undefined) {
    found(
      'stuck',
      `sent ${new Date(run.sent).toISOString()}, ${records.begun.length > 0 ? `began, ${records.steps.length} steps done` : 'never began'}`,
    );
    return findings;
  }
  const end = endOf(run, records, evidence);
  if (end.explained !== true) {
    found('unexplained', end.explained);
  }
  const wrong = compare(run.program, evidence.shown, end);
  if (wrong) {
    found(wrong.wrong, `${end.what}: ${wrong.why}`);
  }
  return findings;
}

interface End {
  what: string;
  /** Or what is missing. */
  explained: true | string;
  /** The fewest and the most steps that the document may show. */
  least: number;
  most: number;
  /** The step after `most` may be there in part, if it is text. */
  partly: boolean;
  /** The error output that must be at the end. */
  error?: string;
  /** The one that may be: it was shown, and then the kernel was killed. */
  lastError?: string;
}

function endOf(run: CellRun, records: CellRecords, { before, faults }: Evidence): End {
  const { program, reply, without } = run;
  const { steps, cell } = program;
  const raises = typeof program.end === 'object' ? program.end.raises : undefined;
  const done = records.steps.length;
  /** With the step that may have been done and not recorded. */
  const reached = records.begun.length > 0 && records.ended === 0 ? Math.min(steps.length, done + 1) : done;
  const ended = run.ended ?? Infinity;
  const hit = (...kinds: FaultKind[]): Fault | undefined =>
    faults.findLast(
      (fault) =>
        kinds.includes(fault.kind) &&
        fault.spares !== true &&
        fault.from <= ended &&
        fault.until >= run.sent - AFTERMATH,
    );
  /** How the cell ends by itself from here, if by an error. */
  const lastError =
    records.ended === 1 && raises !== undefined
      ? { lastError: `ValueError: ${raises}` }
      : steps[done]?.kind === 'file' && hit('disk full')
        ? { lastError: 'OSError: [Errno 28] No space left on device' }
        : {};
  const nothing = { least: 0, most: 0, partly: false };
  const neverBegan = records.begun.length > 0 ? `it began, ${done} steps were done` : true;
  if (without === 'never accepted') {
    return { what: 'never accepted', explained: neverBegan, ...nothing };
  }
  const failure = reply?.failure;
  const code = without === 'sandbox gone' ? 'SandboxGone' : (failure?.code ?? '');
  const what = `${code || reply?.status || ''} ${JSON.stringify(failure?.params ?? {})}`;
  switch (code) {
    case '': {
      const all = { least: steps.length, most: steps.length, partly: false };
      if (program.end === undefined && reply?.status === 'ok') {
        return {
          what,
          explained: records.ended === 1 && done === steps.length ? true : `${done} of ${steps.length} steps were done`,
          ...all,
        };
      }
      if (raises !== undefined && reply?.ename === 'ValueError' && reply.evalue === raises) {
        return {
          what,
          explained: records.ended === 1 && done === steps.length ? true : `${done} of ${steps.length} steps were done`,
          ...all,
          error: `ValueError: ${raises}`,
        };
      }
      if (reply?.ename === 'OSError' && /No space left/.test(reply.evalue) && steps[done]?.kind === 'file') {
        return {
          what,
          explained: hit('disk full') ? true : 'no disk was full',
          least: done,
          most: done,
          partly: false,
          error: `OSError: ${reply.evalue}`,
        };
      }
      return {
        what,
        explained: `${cell} ended as ${reply?.status} ${reply?.ename}: ${reply?.evalue}`,
        least: 0,
        most: steps.length,
        partly: true,
      };
    }
    case 'KernelDied':
      return {
        what,
        least: done,
        most: reached,
        partly: true,
        ...lastError,
        explained:
          failure?.params['signal'] !== 'SIGKILL'
            ? 'by no signal of ours'
            : hit('kernel') || (program.end === 'kills itself' && records.ended === 1)
              ? true
              : 'no kernel was killed',
      };
    case 'Aborted': {
      const reason = failure?.params['reason'];
      const cause = before.find(({ reply: one }) =>
        reason === 'died' ? DEATHS.has(one?.failure?.code ?? '') : one?.status === 'error' && one.failure === undefined,
      );
      if (reason !== 'shutdown') {
        return {
          what,
          explained: neverBegan === true ? (cause ? true : 'no cell of its run before it ended so') : neverBegan,
          ...nothing,
        };
      }
      break;
    }
    case 'SandboxGone':
      break;
    default:
      return { what, explained: 'no such end is expected', least: 0, most: reached, partly: true };
  }
  const death = hit('supervisor', 'container', 'engine restarted');
  if (!death) {
    return { what, explained: 'its container was not killed', least: done, most: reached, partly: true };
  }
  const heldUp = faults.some(
    (fault) =>
      HOLDS_OUTPUT_UP.has(fault.kind) &&
      fault !== death &&
      fault.from <= death.from &&
      fault.until >= death.from - AFTERMATH,
  );
  const least = heldUp ? 0 : records.steps.filter(({ at }) => at < death.from - ON_ITS_WAY).length;
  return { what, explained: true, least, most: reached, partly: true, ...lastError };
}

function compare(
  program: Program,
  shown: readonly Shown[],
  { least, most, partly, error, lastError }: End,
): { wrong: 'lost' | 'doubled'; why: string } | undefined {
  const last = shown.at(-1);
  const body = error !== undefined || (last?.type === 'error' && last.text === lastError) ? shown.slice(0, -1) : shown;
  if (error !== undefined && (last?.type !== 'error' || last.text !== error)) {
    return { wrong: 'lost', why: `its error is not at the end: ${last?.type} ${last?.text.slice(0, 100)}` };
  }
  const is = flat(body);
  for (let count = Math.min(most, program.steps.length); count >= least; count -= 1) {
    if (is === flat(shownAfter(program, count))) {
      return undefined;
    }
    if (partly && count < most && isBetween(body, shownAfter(program, count), shownAfter(program, count + 1))) {
      return undefined;
    }
  }
  const due = flat(shownAfter(program, most));
  let at = 0;
  while (at < is.length && is[at] === due[at]) {
    at += 1;
  }
  const around = (text: string): string => JSON.stringify(text.slice(Math.max(0, at - 40), at + 60));
  return {
    wrong: is.length > due.length ? 'doubled' : 'lost',
    why: `${least}–${most} steps are due; ${is.length} characters, ${due.length} expected, equal up to ${at}: ${around(is)} instead of ${around(due)}`,
  };
}

type Region = { stdout: string; stderr: string } | Shown;

/** Streams between two other outputs as one text of each: how often they alternate in the document depends on how fast they do. */
function regions(shown: readonly Shown[]): Region[] {
  const found: Region[] = [{ stdout: '', stderr: '' }];
  for (const one of shown) {
    const last = found.at(-1);
    if ((one.type === 'stdout' || one.type === 'stderr') && last !== undefined && 'stdout' in last) {
      last[one.type] += one.text;
    } else {
      found.push(one, { stdout: '', stderr: '' });
    }
  }
  return found;
}

/** Whether all of `due` is shown, and behind it at most a part of the text of the step that leads to `next`. */
function isBetween(shown: readonly Shown[], due: readonly Shown[], next: readonly Shown[]): boolean {
  const [is, from, to] = [regions(shown), regions(due), regions(next)];
  const [last, least, most] = [is.pop(), from.pop(), to.pop()];
  if (
    last === undefined ||
    least === undefined ||
    most === undefined ||
    !('stdout' in last && 'stdout' in least && 'stdout' in most)
  ) {
    return false;
  }
  return (
    JSON.stringify(is) === JSON.stringify(from) &&
    JSON.stringify(is) === JSON.stringify(to) &&
    (['stdout', 'stderr'] as const).every(
      (name) => last[name].startsWith(least[name]) && most[name].startsWith(last[name]),
    )
  );
}

const flat = (shown: readonly Shown[]): string =>
  regions(shown)
    .map((region) =>
      'stdout' in region ? `stdout:${region.stdout}\0stderr:${region.stderr}` : `${region.type}:${region.text}`,
    )
    .join('\0');
