import assert from 'node:assert/strict';
import type { ExecuteReply, Failure } from '../../src/protocol/messages';
import { shownAfter, type Program, type Shown, type Step } from '../faults/support/program';
import { judge, type CellRun, type Evidence, type Fault, type FaultKind } from '../faults/support/verdict';

const line = (number: number, kind: Step['kind'] = 'stdout'): Step => ({
  kind,
  text: `c.${number}`,
  times: 1,
  pause: 0,
});
const PROGRAM: Program = {
  cell: 'c',
  steps: [line(0), line(1, 'stderr'), line(2, 'display'), line(3), line(4)],
  end: undefined,
};
const ALL = PROGRAM.steps.length;

const reply = (over: Partial<ExecuteReply> = {}): ExecuteReply => ({
  status: 'ok',
  execution_count: 1,
  ename: '',
  evalue: '',
  traceback: [],
  payload: [],
  user_expressions: {},
  ...over,
});
const failed = (code: string, params: Failure['params']): ExecuteReply =>
  reply({ status: 'error', ename: code, failure: { code, params } });
const KILLED = failed('KernelDied', { signal: 'SIGKILL', exitcode: 137 });
const GONE = failed('SandboxGone', { reason: 'exited', exitCode: 137 });
const run = (over: Partial<CellRun> = {}): CellRun => ({
  program: PROGRAM,
  msgId: 'm',
  sandbox: 's',
  runId: 'r',
  sent: 100_000,
  ended: 110_000,
  reply: reply(),
  ...over,
});
const open = (): CellRun => {
  const cell = run();
  delete cell.reply;
  delete cell.ended;
  return cell;
};
/** Records in which one step was done per second. */
const records = (steps: number, ended = steps === ALL): Evidence['records'] => ({
  begun: [{ at: 100_000, pid: 7 }],
  steps: Array.from({ length: steps }, (_, number) => ({ number, at: 101_000 + 1_000 * number })),
  ended: Number(ended),
});
const fault = (kind: FaultKind, from: number, until = from): Fault => ({ kind, detail: '', from, until });

function wrong(cell: CellRun, steps: number, shown: readonly Shown[], more: Partial<Evidence> = {}): string[] {
  return judge(cell, { records: records(steps), shown, notices: [], before: [], faults: [], ...more }).map(
    (finding) => finding.wrong,
  );
}

describe('the verdict on a cell that ran under faults', () => {
  it('requires that every step of a cell that ended is shown once, in order, at its cell', () => {
    const whole = shownAfter(PROGRAM, ALL);
    assert.deepEqual(wrong(run(), ALL, whole), []);
    assert.deepEqual(wrong(run(), ALL, shownAfter(PROGRAM, ALL - 1)), ['lost']);
    assert.deepEqual(
      wrong(
        run(),
        ALL,
        whole.filter(({ type }) => type !== 'display'),
      ),
      ['lost'],
    );
    assert.deepEqual(wrong(run(), ALL, [...whole, ...whole.slice(-1)]), ['doubled']);
    assert.deepEqual(wrong(run(), ALL, [...whole, { type: 'stdout', text: 'of another cell\n' }]), ['doubled']);
    assert.notDeepEqual(wrong(run(), ALL, [...whole].reverse()), []);
  });

  it('accepts no lost output of a cell that ended, whatever fault occurred', () => {
    const faults = [
      fault('streams cut', 101_000),
      fault('engine paused', 101_000, 104_000),
      fault('disk full', 101_000, 104_000),
      fault('kernel', 99_000),
    ];
    assert.deepEqual(wrong(run(), ALL, shownAfter(PROGRAM, ALL - 1), { faults }), ['lost']);
  });

  it("rejects an end that contradicts the cell's own records", () => {
    assert.deepEqual(wrong(run(), 3, shownAfter(PROGRAM, ALL)), ['unexplained']);
  });

  it('detects a cell that began twice or did a step twice', () => {
    const whole = shownAfter(PROGRAM, ALL);
    const once = records(ALL);
    assert.ok(once);
    assert.deepEqual(wrong(run(), ALL, whole, { records: { ...once, begun: [...once.begun, ...once.begun] } }), [
      'ran twice',
    ]);
    assert.deepEqual(
      wrong(run(), ALL, whole, { records: { ...once, steps: [...once.steps.slice(0, 2), ...once.steps.slice(1, 4)] } }),
      ['ran twice'],
    );
  });

  it('detects a cell without an end', () => {
    assert.deepEqual(wrong(open(), 2, shownAfter(PROGRAM, 2)), ['stuck']);
  });

  it('requires all output of a killed kernel, and allows one further step, in part if it is text', () => {
    const faults = [fault('kernel', 103_500)];
    const cell = run({ reply: KILLED, ended: 103_600 });
    assert.deepEqual(wrong(cell, 3, shownAfter(PROGRAM, 3), { faults }), []);
    assert.deepEqual(wrong(cell, 3, shownAfter(PROGRAM, 4), { faults }), []);
    assert.deepEqual(wrong(cell, 3, [...shownAfter(PROGRAM, 3), { type: 'stdout', text: 'c.' }], { faults }), []);
    assert.deepEqual(
      wrong(cell, 2, [...shownAfter(PROGRAM, 2), { type: 'display', text: 'c.' }], { faults }),
      ['lost'],
      'a display is whole or not there',
    );
    assert.deepEqual(wrong(cell, 3, shownAfter(PROGRAM, 2), { faults }), ['lost']);
    assert.deepEqual(wrong(cell, 3, shownAfter(PROGRAM, 5), { faults }), ['doubled']);
  });

  it("requires a cause for every end other than the cell's own", () => {
    assert.deepEqual(wrong(run({ reply: KILLED }), 3, shownAfter(PROGRAM, 3)), ['unexplained']);
    assert.deepEqual(wrong(run({ reply: GONE }), 3, shownAfter(PROGRAM, 3)), ['unexplained']);
    assert.deepEqual(
      wrong(run({ reply: GONE }), 3, shownAfter(PROGRAM, 3), {
        faults: [{ ...fault('engine restarted', 103_000), spares: true }],
      }),
      ['unexplained'],
    );
    assert.deepEqual(
      wrong(run({ reply: failed('ProtocolViolation', { reason: 'the reply was lost' }) }), 3, shownAfter(PROGRAM, 3), {
        faults: [fault('kernel', 103_000)],
      }),
      ['unexplained'],
    );
    assert.deepEqual(
      wrong(
        run({ reply: reply({ status: 'error', ename: 'OSError', evalue: '[Errno 28] No space left on device' }) }),
        3,
        shownAfter(PROGRAM, 3),
      ),
      ['unexplained'],
    );
  });

  it('allows a container that ends to lose output that was on its way, and more only if its stream was delayed', () => {
    const cell = run({ reply: GONE, ended: 105_900 });
    const death = fault('supervisor', 105_800);
    assert.deepEqual(wrong(cell, 5, shownAfter(PROGRAM, 5), { faults: [death] }), []);
    assert.deepEqual(
      wrong(cell, 5, shownAfter(PROGRAM, 2), { faults: [death] }),
      [],
      'what was printed in the last three seconds',
    );
    assert.deepEqual(wrong(cell, 5, shownAfter(PROGRAM, 1), { faults: [death] }), ['lost']);
    assert.deepEqual(wrong(cell, 5, shownAfter(PROGRAM, 1), { faults: [death, fault('streams cut', 102_000)] }), []);
  });

  it('requires that a cancelled cell has done nothing and shows nothing', () => {
    const called = run({
      reply: reply({ status: 'aborted', failure: { code: 'Aborted', params: { reason: 'died' } } }),
    });
    const before = [run({ reply: KILLED })];
    const none = { records: undefined, before };
    assert.deepEqual(wrong(called, 0, [], none), []);
    assert.deepEqual(
      wrong(called, 0, [], { ...none, before: [run({ reply: GONE })] }),
      [],
      'its supervisor was asked to end',
    );
    assert.deepEqual(wrong(called, 0, [], { ...none, before: [run()] }), ['unexplained']);
    assert.deepEqual(wrong(called, 1, [], { before }), ['unexplained']);
    assert.deepEqual(wrong(called, 0, shownAfter(PROGRAM, 1), none), ['doubled']);
  });

  it('requires that a cell which no sandbox accepted never runs', () => {
    assert.deepEqual(wrong({ ...open(), without: 'never accepted' }, 0, [], { records: undefined }), []);
    assert.deepEqual(wrong({ ...open(), without: 'never accepted' }, 1, []), ['unexplained']);
  });

  it('counts output that a notice reports as missing as lost', () => {
    assert.deepEqual(
      wrong(run(), ALL, shownAfter(PROGRAM, ALL), {
        notices: [{ code: 'OutputLost', params: { bytes: 1, limit: 2 } }],
      }),
      ['lost'],
    );
  });
});
