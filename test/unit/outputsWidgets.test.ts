import assert from 'node:assert/strict';
import { NotebookOutputs } from '../../src/outputs/notebook-outputs';
import type { RunEdit } from '../../src/outputs/types';
import type { JsonObject, SandboxEvent } from '../../src/protocol/messages';
import { applyAll, event, type ModelCell } from './outputsModel';

const open = (comm_id: string, state: JsonObject): SandboxEvent => event('r', 'comm_open', { comm_id, target_name: 'jupyter.widget', data: { state } });
const update = (comm_id: string, state: JsonObject): SandboxEvent => event('r', 'comm_msg', { comm_id, data: { method: 'update', state } });
const display = (model_id: string, text: string, run = 'r'): SandboxEvent =>
  event(run, 'display_data', { data: { 'text/plain': text, 'application/vnd.jupyter.widget-view+json': { model_id } }, metadata: {}, transient: {} });
const stdout = (text: string): SandboxEvent => event('r', 'stream', { name: 'stdout', text });

function cells(...events: SandboxEvent[]): Map<string, ModelCell> {
  const outputs = new NotebookOutputs();
  for (const run of ['r', 's']) { outputs.begin(run, `cell of ${run}`); }
  return applyAll(events.reduce<RunEdit[]>((edits, one) => [...edits, ...outputs.fold(one)], []));
}
const fallbacks = (cell: ModelCell | undefined): unknown[] => cell?.outputs.map(({ output }) => 'fallback' in output ? output.fallback : undefined) ?? [];

describe('widgets, where none can be drawn', () => {
  it('what an Output widget captures is in no cell; it is read where the widget is shown', () => {
    const shown = cells(
      open('w', { _model_name: 'OutputModel' }), display('w', 'Output()', 's'), stdout('mine\n'), update('w', { msg_id: 'r' }), stdout('its '), stdout('own\n'), update('w', { msg_id: '' }),
      stdout('mine again\n'),
    );
    assert.deepEqual(fallbacks(shown.get('s')), ['its own']);
    assert.deepEqual(shown.get('r')?.outputs.map(({ output }) => output), [{ output_type: 'stream', name: 'stdout', text: 'mine\nmine again\n' }]);
  });

  it('it may be shown later, and in a box', () => {
    const shown = cells(
      open('w', { _model_name: 'OutputModel' }), update('w', { msg_id: 'r' }), event('r', 'error', { ename: 'E', evalue: 'v', traceback: ['trace'] }), update('w', { msg_id: '' }),
      open('box', { _model_name: 'HBoxModel', children: ['IPY_MODEL_w', 'IPY_MODEL_box'] }), display('box', 'HBox(…)'),
    );
    assert.deepEqual(fallbacks(shown.get('r')), ['trace']);
  });

  it('captures within captures go to the innermost, and clear_output to what captures', () => {
    const shown = cells(
      open('a', { _model_name: 'OutputModel' }), open('b', { _model_name: 'OutputModel' }), display('a', 'Output()'), display('b', 'Output()'),
      update('a', { msg_id: 'r' }), stdout('first '), update('b', { msg_id: 'r' }), stdout('gone'), event('r', 'clear_output', { wait: false }), stdout('inner'), update('b', { msg_id: '' }),
      stdout('last'), update('a', { msg_id: '' }),
    );
    assert.deepEqual(fallbacks(shown.get('r')), ['first last', 'inner']);
  });

  it('a list of outputs that the kernel sets replaces what was held', () => {
    const stream = { output_type: 'stream', name: 'stdout', text: 'appended\n' };
    const shown = cells(open('w', { _model_name: 'OutputModel' }), display('w', 'Output()'), update('w', { outputs: [stream, 17, null] }));
    assert.deepEqual(fallbacks(shown.get('r')), ['appended']);
  });

  it('a progress bar of widgets moves as text', () => {
    const shown = cells(
      open('before', { _model_name: 'HTMLModel', value: '<b>50 %</b>' }), open('bar', { _model_name: 'FloatProgressModel', max: 4, value: 0 }),
      open('row', { _model_name: 'HBoxModel', children: ['IPY_MODEL_before', 'IPY_MODEL_bar'] }), display('row', '  0%|          |'), update('bar', { value: 2 }),
    );
    assert.deepEqual(fallbacks(shown.get('r')), [`50 %|${'█'.repeat(10)}${' '.repeat(10)}|`]);
  });

  it('a widget that says nothing more than its own words keeps them', () => {
    const shown = cells(open('s', { _model_name: 'IntSliderModel', value: 3 }), display('s', 'IntSlider(value=3)'), update('s', { value: 'x' }), event('r', 'comm_close', { comm_id: 's', data: {} }));
    assert.deepEqual(fallbacks(shown.get('r')), [undefined]);
  });

  it('what a sandbox puts in the place of a text or a number costs no time and throws nothing', () => {
    const began = performance.now();
    const shown = cells(
      open('text', { _model_name: 'HTMLModel', value: '<'.repeat(1_000_000) }), open('bar', { _model_name: 'FloatProgressModel', max: { valueOf: 1, toString: 1 }, value: '3' }),
      open('box', { _model_name: 'HBoxModel', children: ['IPY_MODEL_text', 'IPY_MODEL_bar'] }), display('box', 'HBox()'),
    );
    assert.match(String(fallbacks(shown.get('r'))[0]), /^<{10000}\|/);
    assert.ok(performance.now() - began < 2_000);
  });
});
