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

/** A fault that occurred. Times are in milliseconds since 1970; `until` is Infinity while it lasts. */
export interface Fault {
  kind: FaultKind;
  detail: string;
  from: number;
  until: number;
  /** The sandbox that it hit. */
  sandbox?: string;
  /** The window that it hit. If neither is set, it hit the whole engine. */
  window?: number;
  /** Whether it found nothing to hit or did not succeed. Then it is not counted. */
  tried?: boolean;
  /** Whether containers continue, so that the fault explains the end of none. */
  spares?: boolean;
}

/** One cell from the time when it was sent. */
export interface CellRun {
  program: Program;
  msgId: string;
  sandbox: string;
  runId: string;
  sent: number;
  ended?: number;
  reply?: ExecuteReply;
  /**
   * Why there will be no reply: its window was closed before the sandbox had accepted it (then it must never run), or
   * its sandbox ended while no window was attached.
   */
  without?: 'never accepted' | 'sandbox gone';
}

/** One violation by a cell. */
export interface Finding {
  wrong: 'stuck' | 'lost' | 'doubled' | 'ran twice' | 'unexplained';
  cell: string;
  why: string;
}

export interface Evidence {
  records: CellRecords | undefined;
  shown: readonly Shown[];
  notices: readonly Failure[];
  /** Cells of the same run before this cell. */
  before: readonly CellRun[];
  /** All faults that may have hit this cell: those of its sandbox, its window and the engine. */
  faults: readonly Fault[];
}

/** Milliseconds that the effects of a fault may last on a busy machine. */
const AFTERMATH_MS = 20_000;
/** Milliseconds. Output that is older than this when its container ends has reached every attached host that reads. */
const IN_TRANSIT_MS = 3_000;
/** The failures of a cell whose later cells are `Aborted`. A supervisor that is stopped has time to abort them. */
const DEATHS: ReadonlySet<string> = new Set(['KernelDied', 'SandboxGone']);
const DELAYS_OUTPUT: ReadonlySet<FaultKind> = new Set<FaultKind>([
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
 * Compares one cell with its own records. Only the following is accepted:
 * - A cell that ended by itself, whatever happened meanwhile, shows exactly what it printed, and did every step once.
 * - A cell whose kernel was killed shows exactly what was printed up to that moment. A record is made after its step,
 *   so the current step may also be shown, in part if it is text.
 * - A cell whose container was killed shows what was printed up to some earlier moment, at most {@link IN_TRANSIT_MS}
 *   earlier if nothing delayed its stream.
 * - A cell that was cancelled, and one for which no sandbox was available, never began and shows nothing.
 * - Each end other than the cell's own needs a fault that explains it, and no notice reports that output is missing.
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
  /** True, or a description of the missing explanation. */
  explained: true | string;
  /** The fewest and the most steps that the document may show. */
  least: number;
  most: number;
  /** Whether a part of the step after `most` may be shown, if that step prints text. */
  partly: boolean;
  /** The error output that must be at the end. */
  error?: string;
  /** The error output that may be at the end, because the kernel may be killed after it was shown. */
  lastError?: string;
}

function endOf(run: CellRun, records: CellRecords, { before, faults }: Evidence): End {
  const { program, reply, without } = run;
  const { steps, cell } = program;
  const raises = typeof program.end === 'object' ? program.end.raises : undefined;
  const done = records.steps.length;
  /** The number of steps including the one that may have been done but not recorded. */
  const reached = records.begun.length > 0 && records.ended === 0 ? Math.min(steps.length, done + 1) : done;
  const ended = run.ended ?? Infinity;
  const hit = (...kinds: FaultKind[]): Fault | undefined =>
    faults.findLast(
      (fault) =>
        kinds.includes(fault.kind) &&
        fault.spares !== true &&
        fault.from <= ended &&
        fault.until >= run.sent - AFTERMATH_MS,
    );
  /** The error with which the cell ends by itself from here, if any. */
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
      DELAYS_OUTPUT.has(fault.kind) &&
      fault !== death &&
      fault.from <= death.from &&
      fault.until >= death.from - AFTERMATH_MS,
  );
  const least = heldUp ? 0 : records.steps.filter(({ at }) => at < death.from - IN_TRANSIT_MS).length;
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

/**
 * Joins the streams between two other outputs to one text each, because the number of switches between streams in the
 * document depends on their speed.
 */
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

/** Whether all of `due` is shown, followed by at most a part of the text of the step that leads to `next`. */
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
