import assert from 'node:assert/strict';
import { MAX_NOTICES, MAX_OUTPUTS } from '../../src/outputs/bounds';
import { NotebookOutputs } from '../../src/outputs/notebook-outputs';
import type { CellOutput, RunEdit } from '../../src/outputs/types';
import { event } from './outputsModel';

const kindOf = (output: CellOutput | undefined) =>
  output?.output_type === 'notice'
    ? `${output.failure.code} ${Object.entries(output.failure.params).join()}`
    : output?.output_type;

describe('a cell that produces output without end', () => {
  /** Returns the outputs of a run that are finally shown. */
  function shownOf(edits: readonly RunEdit[]): CellOutput[] {
    const shown = new Map<number, CellOutput>();
    for (const { edit } of edits) {
      if (edit.kind === 'clear' || edit.kind === 'replaceAll') {
        shown.clear();
      }
      if (edit.kind === 'append' || edit.kind === 'replaceAll') {
        shown.set(edit.id, edit.output);
      }
    }
    return [...shown.values()];
  }
  function outputsOf() {
    const outputs = new NotebookOutputs();
    outputs.begin('r', 'cell');
    const edits: RunEdit[] = [];
    return {
      fold: (...events: Parameters<NotebookOutputs['fold']>[0][]) => {
        for (const one of events) {
          edits.push(...outputs.fold(one));
        }
      },
      shown: () => shownOf(edits),
    };
  }
  const display = (transient = {}) =>
    event('r', 'display_data', { data: { 'text/plain': 'x' }, metadata: {}, transient });
  const BOUND = `OutputDropped outputs,${MAX_OUTPUTS}`;

  for (const [what, round] of [
    ['displays', [display()]],
    [
      'prints to both outputs in turn, one pair a second',
      [event('r', 'stream', { name: 'stdout', text: '1' }), event('r', 'stream', { name: 'stderr', text: '2' })],
    ],
    ['errors', [event('r', 'error', { ename: 'E', evalue: '', traceback: [] })]],
    ['results', [event('r', 'execute_result', { data: {}, metadata: {}, transient: {}, execution_count: 1 })]],
  ] as const) {
    it(`shows the first ${MAX_OUTPUTS} ${what}, a notice that there were more, and its failure`, () => {
      const { fold, shown } = outputsOf();
      for (let i = 0; i < 2 * MAX_OUTPUTS; i += 1) {
        fold(...round.map((one) => ({ ...one, t: i })));
      }
      fold(event('r', 'notice', { code: 'PidsExhausted', params: {} }));
      assert.deepEqual(shown().slice(MAX_OUTPUTS).map(kindOf), [BOUND, 'PidsExhausted ']);
      fold(
        event('r', 'execute_reply', {
          status: 'error',
          execution_count: 1,
          ename: 'E',
          evalue: '',
          traceback: ['E'],
          payload: [],
          user_expressions: {},
        }),
      );
      assert.deepEqual(
        shown()
          .slice(MAX_OUTPUTS + 2)
          .map(kindOf),
        what === 'errors' ? [] : ['error'],
      );
    });
  }

  it('has room again after it clears its output, and its notices are limited too', () => {
    const { fold, shown } = outputsOf();
    for (let i = 0; i < MAX_OUTPUTS + 5; i += 1) {
      fold(display());
    }
    fold(event('r', 'clear_output', { wait: true }), display());
    assert.deepEqual(shown().map(kindOf), ['display_data']);
    for (let i = 0; i < 2 * MAX_OUTPUTS; i += 1) {
      fold(event('r', 'notice', { code: 'PidsExhausted', params: {} }));
    }
    assert.ok(shown().length <= MAX_OUTPUTS + MAX_NOTICES + 1);
  });

  it('shows the beginning of a long error and the last of many lines, and keeps only the display id of transient data', () => {
    const { fold, shown } = outputsOf();
    fold(
      event('r', 'error', {
        ename: 'E',
        evalue: 'x'.repeat(10_000_000),
        traceback: [...Array.from({ length: 100 }, () => 'x'.repeat(50_000)), 'the last'],
      }),
      display({ display_id: 'd', more: 'x'.repeat(10_000_000) }),
    );
    const [error, one] = shown();
    assert.ok(error?.output_type === 'error' && one?.output_type === 'display_data');
    assert.ok(JSON.stringify(error).length < 1_200_000);
    assert.equal(error.traceback.at(-1), 'the last');
    assert.deepEqual(one.transient, { display_id: 'd' });
  });
});
