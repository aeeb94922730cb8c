import assert from 'node:assert/strict';
import { NotebookOutputs } from '../../src/outputs/notebook-outputs';
import type { JsonObject, SandboxEvent } from '../../src/protocol/messages';
import { applyAll, event, type ModelCell } from './outputsModel';

const open = (comm_id: string, state: JsonObject): SandboxEvent =>
  event('r', 'comm_open', { comm_id, target_name: 'jupyter.widget', data: { state } });
const update = (comm_id: string, state: JsonObject): SandboxEvent =>
  event('r', 'comm_msg', { comm_id, data: { method: 'update', state } });
const display = (model_id: string, text: string, run = 'r'): SandboxEvent =>
  event(run, 'display_data', {
    data: { 'text/plain': text, 'application/vnd.jupyter.widget-view+json': { model_id } },
    metadata: {},
    transient: {},
  });
const stdout = (text: string): SandboxEvent => event('r', 'stream', { name: 'stdout', text });

function cells(...events: SandboxEvent[]): Map<string, ModelCell> {
  const outputs = new NotebookOutputs();
  for (const run of ['r', 's']) {
    outputs.begin(run, `cell of ${run}`);
  }
  return applyAll([...events.flatMap((one) => outputs.fold(one)), ...outputs.redraw()]);
}
const fallbacks = (cell: ModelCell | undefined): unknown[] =>
  cell?.outputs.map(({ output }) => ('fallback' in output ? output.fallback : undefined)) ?? [];

describe('widgets that are shown as text', () => {
  it('output that an Output widget captures is shown with the widget and not in the cell', () => {
    const shown = cells(
      open('w', { _model_name: 'OutputModel' }),
      display('w', 'Output()', 's'),
      stdout('mine\n'),
      update('w', { msg_id: 'r' }),
      stdout('its '),
      stdout('own\n'),
      update('w', { msg_id: '' }),
      stdout('mine again\n'),
    );
    assert.deepEqual(fallbacks(shown.get('s')), ['its own']);
    assert.deepEqual(
      shown.get('r')?.outputs.map(({ output }) => output),
      [{ output_type: 'stream', name: 'stdout', text: 'mine\nmine again\n' }],
    );
  });

  it('an Output widget may be shown later, and in a box', () => {
    const shown = cells(
      open('w', { _model_name: 'OutputModel' }),
      update('w', { msg_id: 'r' }),
      event('r', 'error', { ename: 'E', evalue: 'v', traceback: ['trace'] }),
      update('w', { msg_id: '' }),
      open('box', { _model_name: 'HBoxModel', children: ['IPY_MODEL_w', 'IPY_MODEL_box'] }),
      display('box', 'HBox(…)'),
    );
    assert.deepEqual(fallbacks(shown.get('r')), ['trace']);
  });

  it('nested captures go to the innermost Output widget, and clear_output applies to that one', () => {
    const shown = cells(
      open('a', { _model_name: 'OutputModel' }),
      open('b', { _model_name: 'OutputModel' }),
      display('a', 'Output()'),
      display('b', 'Output()'),
      update('a', { msg_id: 'r' }),
      stdout('first '),
      update('b', { msg_id: 'r' }),
      stdout('gone'),
      event('r', 'clear_output', { wait: false }),
      stdout('inner'),
      update('b', { msg_id: '' }),
      stdout('last'),
      update('a', { msg_id: '' }),
    );
    assert.deepEqual(fallbacks(shown.get('r')), ['first last', 'inner']);
  });

  it('a list of outputs that the kernel sets replaces the earlier outputs', () => {
    const stream = { output_type: 'stream', name: 'stdout', text: 'appended\n' };
    const shown = cells(
      open('w', { _model_name: 'OutputModel' }),
      display('w', 'Output()'),
      update('w', { outputs: [stream, 17, null] }),
    );
    assert.deepEqual(fallbacks(shown.get('r')), ['appended']);
  });

  it('text of widgets is decoded as HTML: every escape that Python and people write, each once', () => {
    const said = (value: string): unknown =>
      fallbacks(
        cells(
          open('text', { _model_name: 'HTMLModel', value }),
          open('bar', { _model_name: 'IntProgressModel', max: 4, value: 0 }),
          open('row', { _model_name: 'HBoxModel', children: ['IPY_MODEL_text', 'IPY_MODEL_bar'] }),
          display('row', 'x'),
        ).get('r'),
      )[0];
    const bar = `|${' '.repeat(20)}|`;
    for (const [html, text] of [
      ['Ada&#x27;s &quot;&lt;b&gt;&quot; &amp; 1', 'Ada\'s "<b>" & 1'],
      ['&amp;lt;', '&lt;'],
      ['&#39;&apos;&nbsp;&#X1F680;', "''\u00a0🚀"],
      ['&none; &#x110000; &#0; &#99999999; &', '&none; &#x110000; &#0; &#99999999; &'],
    ] as const) {
      assert.equal(said(html), text + bar);
    }
  });

  it('a progress bar of widgets moves as text', () => {
    const shown = cells(
      open('before', { _model_name: 'HTMLModel', value: '<b>50 %</b>' }),
      open('bar', { _model_name: 'FloatProgressModel', max: 4, value: 0 }),
      open('row', { _model_name: 'HBoxModel', children: ['IPY_MODEL_before', 'IPY_MODEL_bar'] }),
      display('row', '  0%|          |'),
      update('bar', { value: 2 }),
    );
    assert.deepEqual(fallbacks(shown.get('r')), [`50 %|${'█'.repeat(10)}${' '.repeat(10)}|`]);
  });

  it('a widget without a text of its own keeps its repr', () => {
    const shown = cells(
      open('s', { _model_name: 'IntSliderModel', value: 3 }),
      display('s', 'IntSlider(value=3)'),
      update('s', { value: 'x' }),
      event('r', 'comm_close', { comm_id: 's', data: {} }),
    );
    assert.deepEqual(fallbacks(shown.get('r')), [undefined]);
  });

  it('invalid values in place of a text or a number take no time and throw nothing', () => {
    const began = performance.now();
    const shown = cells(
      open('text', { _model_name: 'HTMLModel', value: '<'.repeat(1_000_000) }),
      open('bar', { _model_name: 'FloatProgressModel', max: { valueOf: 1, toString: 1 }, value: '3' }),
      open('box', { _model_name: 'HBoxModel', children: ['IPY_MODEL_text', 'IPY_MODEL_bar'] }),
      display('box', 'HBox()'),
    );
    assert.match(String(fallbacks(shown.get('r'))[0]), /^<{10000}\|/);
    assert.ok(performance.now() - began < 2_000);
  });

  it('output of a callback is in the cell that opened the comm, or in the Output widget that captures it', () => {
    const sent = (id: string, comm_id: string) => event(id, 'status', { execution_state: 'busy', comm_id });
    const shown = cells(
      open('button', { _model_name: 'ButtonModel' }),
      open('w', { _model_name: 'OutputModel' }),
      display('w', 'Output()', 's'),
      sent('m1', 'button'),
      event('m1', 'stream', { name: 'stdout', text: 'pressed\n' }),
      event('m1', 'error', { ename: 'E', evalue: 'v', traceback: ['trace'] }),
      sent('m2', 'button'),
      event('m2', 'comm_msg', { comm_id: 'w', data: { method: 'update', state: { msg_id: 'm2' } } }),
      event('m2', 'stream', { name: 'stdout', text: 'held' }),
      update('w', { msg_id: '' }),
      // A comm that a callback has opened belongs to the cell too.
      sent('m3', 'button'),
      event('m3', 'comm_open', { comm_id: 'second', target_name: 'jupyter.widget', data: {} }),
      sent('m4', 'second'),
      event('m4', 'stream', { name: 'stdout', text: 'second' }),
      sent('m5', 'unknown'),
      event('m5', 'stream', { name: 'stdout', text: 'nowhere' }),
    );
    assert.deepEqual(
      shown.get('r')?.outputs.map(({ output }) => ('text' in output ? output.text : output.output_type)),
      ['pressed\n', 'error', 'second'],
    );
    assert.deepEqual(fallbacks(shown.get('s')), ['held']);
  });

  it('the outputs that an Output widget has captured are reported once, when it stops capturing', () => {
    const outputs = new NotebookOutputs();
    outputs.begin('r', 'cell');
    const tell = (...events: SandboxEvent[]) => {
      for (const one of events) {
        outputs.fold(one);
      }
    };
    tell(
      open('w', { _model_name: 'OutputModel' }),
      update('w', { msg_id: 'r' }),
      stdout('a\n'),
      event('r', 'stream', { name: 'stderr', text: 'b' }),
    );
    assert.deepEqual(outputs.takeCaptured(), [], 'it captures still');
    tell(
      event('r', 'display_data', {
        data: { 'text/plain': 'x', 'image/png': 'iVBORw0=' },
        metadata: { a: 1 },
        transient: { display_id: 'd' },
      }),
      event('r', 'error', { ename: 'E', evalue: 'v', traceback: ['t'] }),
      event('r', 'execute_result', { data: { 'text/plain': '1' }, metadata: {}, transient: {}, execution_count: 4 }),
      update('w', { msg_id: '' }),
    );
    const held = [
      { output_type: 'stream', name: 'stdout', text: 'a\n' },
      { output_type: 'stream', name: 'stderr', text: 'b' },
      { output_type: 'display_data', data: { 'text/plain': 'x', 'image/png': 'iVBORw0=' }, metadata: { a: 1 } },
      { output_type: 'error', ename: 'E', evalue: 'v', traceback: ['t'] },
      { output_type: 'execute_result', data: { 'text/plain': '1' }, metadata: {}, execution_count: 4 },
    ];
    assert.deepEqual(outputs.takeCaptured(), [{ kernel: 'main', commId: 'w', outputs: held }]);
    assert.deepEqual(outputs.takeCaptured(), []);
    // The kernel repeats the state that it was sent, while the widget has captured more.
    tell(
      update('w', { msg_id: 'r' }),
      stdout('more'),
      event('m', 'comm_msg', { comm_id: 'w', data: { method: 'echo_update', state: { outputs: [] } } }),
      update('w', { msg_id: '' }),
    );
    assert.deepEqual(
      outputs.takeCaptured().map((one) => one.outputs.length),
      [6],
    );
    tell(
      update('w', { outputs: [] }),
      update('w', { outputs: [{ output_type: 'stream', name: 'stdout', text: 'set' }] }),
    );
    assert.deepEqual(outputs.takeCaptured(), [], 'what the kernel sets it knows');
  });

  it('too many captured outputs are not reported, and none after the end of their kernel', () => {
    const outputs = new NotebookOutputs();
    outputs.begin('r', 'cell');
    for (const one of [
      open('w', { _model_name: 'OutputModel' }),
      update('w', { msg_id: 'r' }),
      stdout('x'.repeat(4_000_001)),
      update('w', { msg_id: '' }),
    ]) {
      outputs.fold(one);
    }
    assert.deepEqual(outputs.takeCaptured(), []);
    for (const one of [update('w', { msg_id: 'r' }), stdout('x')]) {
      outputs.fold(one);
    }
    outputs.fold({ ...event('', 'status', { execution_state: 'idle' }), gen: 2 });
    assert.deepEqual(outputs.takeCaptured(), []);
    assert.equal(
      outputs.fold({ ...stdout('the fresh kernel'), gen: 2 }).at(-1)?.run,
      'r',
      'nothing captures it any more',
    );
  });

  it('a restart of one kernel ends its widgets, and keeps those of another kernel', () => {
    const second = (one: SandboxEvent, gen = 1): SandboxEvent => ({ ...one, kernel: 'second', gen });
    const outputs = new NotebookOutputs();
    outputs.begin('r', 'cell');
    for (const one of [
      { ...open('first', { _model_name: 'OutputModel' }), gen: 7 },
      second(open('second', { _model_name: 'OutputModel' })),
      { ...update('first', { msg_id: 'r' }), gen: 7 },
      { ...stdout('of the first'), gen: 7 },
      { ...update('first', { msg_id: '' }), gen: 7 },
      second(update('second', { msg_id: 'r' })),
      second(stdout('of the second')),
      second(update('second', { msg_id: '' })),
      second(event('', 'status', { execution_state: 'idle' }), 2),
    ]) {
      outputs.fold(one);
    }
    assert.deepEqual(
      outputs.takeCaptured().map(({ kernel, commId }) => [kernel, commId]),
      [['main', 'first']],
    );
  });

  it('a kernel updates only its own displays, whatever their ids', () => {
    const outputs = new NotebookOutputs();
    const shown = (kernel: string, run: string, type: 'display_data' | 'update_display_data', text: string) => ({
      ...event(run, type, { data: { 'text/plain': text }, metadata: {}, transient: { display_id: 'd' } }),
      kernel,
    });
    outputs.begin('r', 'cell of r');
    outputs.begin('s', 'cell of s');
    outputs.fold(shown('main', 'r', 'display_data', '1'));
    outputs.fold(shown('second', 's', 'display_data', '1'));
    const updated = (kernel: string) =>
      outputs.fold(shown(kernel, '', 'update_display_data', '2')).map(({ run }) => run);
    assert.deepEqual([updated('main'), updated('second'), updated('third')], [['r'], ['s'], []]);
  });

  it('no captured outputs are reported to another sandbox, and none of which the log has lost a part', () => {
    for (const after of [
      { ...event('', 'status', { execution_state: 'idle' }), seq: 1 },
      event('', 'gap', { from: 1, to: 7, bytes: 9 }),
      event('', 'comm_gap', { messages: 1, bytes: 9 }),
    ]) {
      const outputs = new NotebookOutputs();
      outputs.begin('r', 'cell');
      [
        open('w', { _model_name: 'OutputModel' }),
        update('w', { msg_id: 'r' }),
        stdout('x'),
        update('w', { msg_id: '' }),
        after,
      ].forEach((one, index) => {
        outputs.fold(one === after ? { ...one, seq: one.msg_type === 'status' ? 1 : 0 } : { ...one, seq: 2 + index });
      });
      assert.deepEqual(outputs.takeCaptured(), [], after.msg_type);
    }
  });

  it('a state that a front end has set moves a progress bar too', () => {
    const shown = cells(
      open('bar', { _model_name: 'IntProgressModel', max: 4, value: 0 }),
      display('bar', 'IntProgress()'),
      event('m', 'comm_msg', { comm_id: 'bar', data: { method: 'echo_update', state: { value: 4 } } }),
    );
    assert.deepEqual(fallbacks(shown.get('r')), [`|${'█'.repeat(20)}|`]);
  });

  it('widgets without end, or with content without end, take a bounded amount of memory and time', function () {
    this.timeout(20_000);
    const outputs = new NotebookOutputs();
    outputs.begin('r', 'cell');
    const fallbackOf = (model: string): unknown => {
      const edit = outputs.fold(display(model, 'Output()')).at(-1)?.edit;
      return edit !== undefined && 'output' in edit && 'fallback' in edit.output ? edit.output.fallback : undefined;
    };
    for (let i = 0; i < 80; i += 1) {
      outputs.fold(
        open(`w${i}`, {
          _model_name: 'OutputModel',
          outputs: [{ output_type: 'stream', name: 'stdout', text: `${i} `.repeat(250_000) }],
        }),
      );
    }
    assert.deepEqual([fallbackOf('w0'), String(fallbackOf('w79')).slice(-8)], [undefined, '9 79 79 ']);
    for (let i = 0; i < 10_001; i += 1) {
      outputs.fold(
        open(`label${i}`, {
          _model_name: 'LabelModel',
          value: `${i}`,
          children: Array.from({ length: 20 }, (_, n) => `IPY_MODEL_${n}`),
        }),
      );
    }
    assert.equal(fallbackOf('w79'), undefined);
    outputs.fold(open('last', { _model_name: 'OutputModel' }));
    outputs.fold(update('last', { msg_id: 'r' }));
    for (let i = 0; i < 15; i += 1) {
      outputs.fold(stdout(`${i}${'x'.repeat(1_000_000)}\n`));
    }
    outputs.fold(update('last', { msg_id: '' }));
    const shown = String(fallbackOf('last'));
    assert.ok(shown.length <= 200_001 && shown.startsWith('…'), `${shown.length} characters`);
  });
});
