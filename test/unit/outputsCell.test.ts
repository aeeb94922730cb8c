import assert from 'node:assert/strict';
import { EventBatcher } from '../../src/outputs/batcher';
import { NotebookOutputs } from '../../src/outputs/notebook-outputs';
import type { RunEdit } from '../../src/outputs/types';
import type { SandboxEvent } from '../../src/protocol/messages';
import { applyAll, event, random, reply, type ModelCell } from './outputsModel';

const text = (value: string) => ({ data: { 'text/plain': value }, metadata: {}, transient: {} });
const shown = (id: string, value: string) => ({ ...text(value), transient: { display_id: id } });
const stdout = (value: string, run = 'r') => event(run, 'stream', { name: 'stdout', text: value });
const stderr = (value: string, run = 'r') => event(run, 'stream', { name: 'stderr', text: value });

function notebook(...runs: string[]): {
  outputs: NotebookOutputs;
  edits: RunEdit[];
  fold: (...events: SandboxEvent[]) => RunEdit[];
  cell: (run?: string) => ModelCell;
  lines: (run?: string) => string[];
} {
  const outputs = new NotebookOutputs();
  const edits: RunEdit[] = [];
  for (const run of runs.length > 0 ? runs : ['r']) {
    outputs.begin(run, `cell of ${run}`);
  }
  const cell = (run = 'r') => applyAll(edits).get(run) ?? { outputs: [], started: false };
  return {
    outputs,
    edits,
    cell,
    fold: (...events) => {
      const made = events.flatMap((one) => outputs.fold(one));
      edits.push(...made);
      return made;
    },
    lines: (run) =>
      cell(run).outputs.map(({ output }) => {
        switch (output.output_type) {
          case 'stream':
            return `${output.name}: ${output.text}`;
          case 'error':
            return `error: ${output.ename}`;
          case 'failure':
          case 'notice':
            return `${output.output_type}: ${output.failure.code}`;
          default:
            return `${output.output_type}: ${JSON.stringify(output.data['text/plain'])}`;
        }
      }),
  };
}

describe('the outputs of a cell', () => {
  it("a run starts when the kernel is busy, has IPython's count and ends with its reply", () => {
    const { fold, edits } = notebook();
    fold(
      event('r', 'status', { execution_state: 'busy' }, 5),
      event('r', 'execute_input', { code: '1', execution_count: 7 }, 5.1),
      event('r', 'execute_reply', reply({ execution_count: 7 })),
    );
    assert.deepEqual(
      edits.map(({ edit }) => edit),
      [
        { kind: 'start', t: 5 },
        { kind: 'setExecutionOrder', order: 7 },
        { kind: 'end', success: true },
      ],
    );
  });

  it('text of one stream is one output until another output comes between', () => {
    const { fold, lines } = notebook();
    fold(
      stdout('a'),
      stdout('b'),
      event('r', 'display_data', text('c')),
      stdout('d'),
      stderr('e'),
      event('r', 'error', { ename: 'E', evalue: '', traceback: [] }),
      stdout('f'),
    );
    assert.deepEqual(lines(), ['stdout: ab', 'display_data: "c"', 'stdout: d', 'stderr: e', 'error: E', 'stdout: f']);
  });

  it('alternating streams are one output each, for a fifth of a second from their beginning', () => {
    const { fold, lines } = notebook();
    const at = (t: number, name: 'stdout' | 'stderr', value: string) => event('r', 'stream', { name, text: value }, t);
    fold(
      at(10, 'stdout', 'a'),
      at(10.1, 'stderr', 'b'),
      at(10.19, 'stdout', 'c'),
      at(10.3, 'stdout', 'd'),
      at(10.31, 'stderr', 'e'),
      at(10.32, 'stdout', 'f'),
    );
    assert.deepEqual(lines(), ['stdout: acd', 'stderr: b', 'stderr: e', 'stdout: f']);
    fold(at(9, 'stderr', 'g'), at(9.1, 'stdout', 'h')); // the clock was set back
    assert.deepEqual(lines().slice(4), ['stderr: g', 'stdout: h']);
  });

  it('streams that alternate thousands of times become only as many outputs as the elapsed time allows', () => {
    const { fold, cell } = notebook();
    for (let i = 0; i < 6_000; i += 1) {
      fold(event('r', 'stream', { name: i % 2 === 0 ? 'stdout' : 'stderr', text: `${i}\n` }, i / 3_000));
    }
    assert.ok(cell().outputs.length <= 20, `${cell().outputs.length} outputs in 2 s`);
  });

  it('a prompt comes after everything that was written before it', () => {
    const { fold, lines } = notebook();
    const prompt = event('r', 'input_request', { prompt: 'name? ', password: false, request: 'q' });
    fold(stdout('a'), stderr('b'), prompt, stderr('c'), stdout('d'));
    assert.deepEqual(lines(), ['stdout: a', 'stderr: b', 'stdout: name? d', 'stderr: c']);
  });

  it('alternating streams after the end of their cell continue as one output each, as long as these are short', () => {
    const { fold, lines } = notebook();
    fold(stdout('a'), stderr('b'), event('r', 'execute_reply', reply()), stdout('c'), stderr('d'));
    assert.deepEqual(lines(), ['stdout: ac', 'stderr: bd']);
    fold(stderr('x'.repeat(10_000)), stdout('e'), stderr('f'));
    assert.deepEqual(
      lines().map((shown) => [shown.length, shown.slice(0, 10)]),
      [
        [10, 'stdout: ac'],
        [10_010, 'stderr: bd'],
        [9, 'stdout: e'],
        [9, 'stderr: f'],
      ],
    );
  });

  it('clear_output clears at once; with wait, when the next output comes', () => {
    const { fold, lines } = notebook();
    fold(stdout('a'), event('r', 'clear_output', { wait: false }));
    assert.deepEqual(lines(), []);
    fold(stdout('b'), event('r', 'clear_output', { wait: true }));
    assert.deepEqual(lines(), ['stdout: b']);
    fold(stdout('c'), stdout('d'));
    assert.deepEqual(lines(), ['stdout: cd']);
  });

  it('an update changes every output of that display, in other cells and after they ended', () => {
    const { fold, lines } = notebook('r', 's');
    fold(
      event('r', 'display_data', shown('d', 'one')),
      event('r', 'display_data', shown('d', 'one')),
      event('r', 'execute_reply', reply()),
    );
    fold(event('s', 'update_display_data', shown('d', 'two')));
    assert.deepEqual(lines('r'), ['display_data: "two"', 'display_data: "two"']);
    assert.deepEqual(lines('s'), []);
  });

  it('an update keeps the kind and count of an execute_result', () => {
    const { fold, cell } = notebook();
    fold(
      event('r', 'execute_result', { ...shown('d', 'one'), execution_count: 3 }),
      event('r', 'update_display_data', shown('d', 'two')),
    );
    assert.deepEqual(cell().outputs[0]?.output, {
      output_type: 'execute_result',
      data: { 'text/plain': 'two' },
      metadata: {},
      transient: { display_id: 'd' },
      execution_count: 3,
    });
  });

  it('a display that was cleared is no longer updated', () => {
    const { fold, outputs, lines } = notebook();
    fold(event('r', 'display_data', shown('d', 'one')), event('r', 'clear_output', { wait: false }));
    assert.deepEqual(fold(event('r', 'update_display_data', shown('d', 'two'))), []);
    fold(event('r', 'display_data', shown('e', 'one')));
    outputs.forget('cell of r');
    assert.deepEqual(fold(event('r', 'update_display_data', shown('e', 'two'))), []);
    assert.deepEqual(lines(), ['display_data: "one"']);
  });

  it('text after the user cleared the cell starts a new output', () => {
    const { fold, outputs } = notebook();
    fold(stdout('a'));
    outputs.forget('cell of r');
    const [begun, ...more] = fold(stdout('b'));
    assert.deepEqual(
      [begun?.edit.kind === 'append' && [begun.edit.id, begun.edit.output], more],
      [[1, { output_type: 'stream', name: 'stdout', text: 'b' }], []],
    );
  });

  it('late text belongs to the run that ended; a second run of the cell replaces the first', () => {
    const { fold, outputs, lines } = notebook();
    fold(stdout('a'), event('r', 'execute_reply', reply()), stdout('late'));
    assert.deepEqual(lines(), ['stdout: alate']);
    outputs.begin('again', 'cell of r');
    assert.deepEqual(fold(stdout('later')), []);
  });

  it('an error is shown once, from its event or from the reply', () => {
    const raised = { ename: 'ValueError', evalue: 'no', traceback: ['…'] };
    const first = notebook();
    first.fold(event('r', 'error', raised), event('r', 'execute_reply', reply({ status: 'error', ...raised })));
    assert.deepEqual(first.lines(), ['error: ValueError']);
    const second = notebook();
    second.fold(event('r', 'execute_reply', reply({ status: 'error', ...raised })));
    assert.deepEqual(second.lines(), ['error: ValueError']);
    assert.equal(second.cell().success, false);
  });

  it('the notice that the sandbox is unreachable stays in one place, and disappears when the cell clears its output', () => {
    const { fold, lines, cell } = notebook();
    const outOfReach = (params: Record<string, string | number>) =>
      event('r', 'notice', { code: 'OutOfReach', params });
    const params = () =>
      cell().outputs.flatMap(({ output }) => (output.output_type === 'notice' ? [output.failure.params] : []));
    fold(
      stdout('a'),
      outOfReach({ cause: 'SandboxSilent' }),
      outOfReach({ cause: 'EngineSilent' }),
      stdout('b'),
      outOfReach({ cause: 'EngineSilent', seconds: 3 }),
      stdout('c'),
    );
    assert.deepEqual(
      [lines(), params()],
      [['stdout: a', 'notice: OutOfReach', 'stdout: bc'], [{ cause: 'EngineSilent', seconds: 3 }]],
    );
    fold(event('r', 'clear_output', { wait: true }), outOfReach({ cause: 'SandboxPaused' }));
    assert.deepEqual(lines(), ['stdout: a', 'notice: OutOfReach', 'stdout: bc']);
    fold(stdout('d'), outOfReach({ cause: 'SandboxPaused', seconds: 1 }));
    assert.deepEqual(lines(), ['stdout: d', 'notice: OutOfReach']);
  });

  it('the notice that output is left out stands where the loss begins, and finally has the amount', () => {
    const { fold, lines, cell } = notebook();
    const dropped = (params: Record<string, number>) =>
      event('r', 'notice', { code: 'OutputDropped', params: { limit: 10, ...params } });
    const params = () =>
      cell().outputs.flatMap(({ output }) => (output.output_type === 'notice' ? [output.failure.params] : []));
    fold(
      stdout('a'),
      dropped({}),
      event('r', 'error', { ename: 'ValueError', evalue: 'no', traceback: ['…'] }),
      event('r', 'clear_output', { wait: true }),
      dropped({ bytes: 5, total: 9 }),
    );
    assert.deepEqual(
      [lines(), params()],
      [['stdout: a', 'notice: OutputDropped', 'error: ValueError'], [{ limit: 10, bytes: 5, total: 9 }]],
    );
    fold(stdout('b'), dropped({}), dropped({ bytes: 7 }));
    assert.deepEqual([lines(), params()], [['stdout: b', 'notice: OutputDropped'], [{ limit: 10, bytes: 7 }]]);
    fold(
      event('r', 'clear_output', { wait: true }),
      dropped({ bytes: 8 }),
      event('r', 'clear_output', { wait: false }),
      dropped({}),
    );
    assert.deepEqual([lines(), params()], [['notice: OutputDropped'], [{ limit: 10 }]]);
    fold(
      event('r', 'clear_output', { wait: false }),
      event('r', 'clear_output', { wait: true }),
      dropped({}),
      stdout('c'),
    );
    assert.deepEqual(lines(), ['notice: OutputDropped', 'stdout: c']);
  });

  it('a failure is shown after the traceback, and a notice where it came', () => {
    const { fold, lines } = notebook();
    fold(
      event('r', 'notice', { code: 'ChildKilled', params: { limit: 1 } }),
      event('r', 'error', { ename: 'KeyboardInterrupt', evalue: '', traceback: [] }),
      event(
        'r',
        'execute_reply',
        reply({ status: 'error', failure: { code: 'TimedOut', params: { timeout: 1, killed: false } } }),
      ),
    );
    assert.deepEqual(lines(), ['notice: ChildKilled', 'error: KeyboardInterrupt', 'failure: TimedOut']);
  });

  it('a cell that was cancelled before it ran ends without output and without a start', () => {
    const { edits, outputs } = notebook();
    edits.push(
      ...outputs.end(
        'r',
        reply({ status: 'aborted', execution_count: null, failure: { code: 'Aborted', params: { reason: 'error' } } }),
      ),
    );
    assert.deepEqual(
      edits.map(({ edit }) => edit),
      [{ kind: 'end', success: false }],
    );
  });

  it('a cell that could not run shows the reason', () => {
    const { edits, outputs, lines } = notebook();
    edits.push(
      ...outputs.end(
        'r',
        reply({ status: 'error', execution_count: null, failure: { code: 'SandboxGone', params: {} } }),
      ),
    );
    assert.deepEqual(lines(), ['failure: SandboxGone']);
    assert.equal(edits[0]?.edit.kind, 'start');
  });

  it('help that asks for a pager is an output', () => {
    const { fold, lines } = notebook();
    fold(
      event(
        'r',
        'execute_reply',
        reply({
          payload: [
            { source: 'page', data: { 'text/plain': 'Signature: len(obj)' }, start: 0 },
            { source: 'page', data: null },
            { source: 'ask_exit' },
          ],
        }),
      ),
    );
    assert.deepEqual(lines(), ['display_data: "Signature: len(obj)"']);
  });

  it('a run ends once', () => {
    const { fold, outputs } = notebook();
    fold(event('r', 'execute_reply', reply()));
    assert.deepEqual(outputs.end('r', reply({ status: 'error' })), []);
  });

  it('events of unknown runs change nothing', () => {
    assert.deepEqual(notebook().fold(stdout('x', 'other')), []);
  });
});

describe('a stream of events', () => {
  /** A plausible, noisy log of three runs. */
  function log(seed: number): SandboxEvent[] {
    const next = random(seed);
    const makers: ((run: string) => SandboxEvent)[] = [
      (run) => stdout(['a', 'b\n', '\r', '10%\r', 'c\n'][next(5)] ?? '', run),
      (run) => stdout('more\n', run),
      (run) => stderr('!', run),
      (run) => event(run, 'display_data', shown(`d${next(3)}`, `v${next(9)}`)),
      (run) => event(run, 'update_display_data', shown(`d${next(3)}`, `u${next(9)}`)),
      (run) => event(run, 'clear_output', { wait: next(2) === 0 }),
      (run) => event(run, 'error', { ename: 'E', evalue: '', traceback: [] }),
      (run) => event(run, 'execute_result', { ...text(`r${next(9)}`), execution_count: 1 }),
    ];
    return Array.from(
      { length: 60 },
      () => makers[next(makers.length)]?.(['r', 's', 'u'][next(3)] ?? 'r') ?? stdout(''),
    );
  }
  const contents = (edits: RunEdit[]) =>
    [...applyAll(edits)].map(([run, cell]) => [run, cell.outputs.map(({ output }) => output)]);

  it('gives the same outputs when folded in two parts as when folded at once', () => {
    for (let seed = 1; seed <= 100; seed += 1) {
      const events = log(seed);
      const whole = notebook('r', 's', 'u');
      whole.fold(...events);
      const k = random(seed)(events.length);
      const parts = notebook('r', 's', 'u');
      parts.fold(...events.slice(0, k));
      parts.fold(...events.slice(k));
      assert.deepEqual(parts.edits, whole.edits);
    }
  });

  it('gives the same outputs in the same order when batched as when folded one by one', () => {
    for (let seed = 1; seed <= 100; seed += 1) {
      const single = notebook('r', 's', 'u');
      const batched = notebook('r', 's', 'u');
      const batcher = new EventBatcher((one) => batched.fold(one), 1e6);
      for (const one of log(seed)) {
        single.fold(one);
        batcher.add(one);
      }
      batcher.dispose();
      assert.deepEqual(contents(batched.edits).sort(), contents(single.edits).sort(), `seed ${seed}`);
    }
  });

  it('of a hundred thousand prints becomes few edits', () => {
    const { fold, edits, lines } = notebook();
    const batcher = new EventBatcher((one) => fold(one), 1e6);
    for (let i = 0; i < 100_000; i += 1) {
      batcher.add(stdout(`${i}\n`));
    }
    batcher.dispose();
    assert.ok(edits.length < 20, `${edits.length} edits`);
    assert.equal(lines()[0]?.length, 'stdout: '.length + 588_890);
  });

  it('shows text soon, and at once before anything else', async () => {
    const seen: string[] = [];
    const batcher = new EventBatcher((one) => seen.push(one.msg_type), 5);
    batcher.add(stdout('a'));
    assert.deepEqual(seen, []);
    await new Promise((resolve) => setTimeout(resolve, 30));
    assert.deepEqual(seen, ['stream']);
    batcher.add(stdout('a'));
    batcher.add(event('r', 'clear_output', { wait: false }));
    assert.deepEqual(seen, ['stream', 'stream', 'clear_output']);
  });
});
