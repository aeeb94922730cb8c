import assert from 'node:assert/strict';
import { NotebookEvents } from '../../src/notebook/notebook-events';
import type { SandboxEvent } from '../../src/protocol/messages';
import { silentLog } from '../../src/log';

const event: SandboxEvent = {
  seq: 1,
  kernel: 'main',
  gen: 1,
  t: 0,
  channel: 'iopub',
  msg_type: 'stream',
  parent_header: { msg_id: 'cell' },
  content: { name: 'stdout', text: 'text' },
  metadata: {},
  buffers: [],
};

describe('the event hub of a notebook', () => {
  it('delivers each event at once, in the order in which the listeners were added', () => {
    const events = new NotebookEvents(silentLog);
    const heard: string[] = [];
    events.on('received', ({ seq }) => heard.push(`first ${seq}`));
    events.on('received', ({ seq }) => heard.push(`second ${seq}`));
    events.emit('received', event);
    heard.push('emitted');
    events.emit('received', { ...event, seq: 2 });
    assert.deepEqual(heard, ['first 1', 'second 1', 'emitted', 'first 2', 'second 2']);
  });

  it('delivers an event only to the listeners of its name', () => {
    const events = new NotebookEvents(silentLog);
    const heard: string[] = [];
    events.on('willShow', () => heard.push('willShow'));
    events.on('didShow', () => heard.push('didShow'));
    events.on('didLoseSandbox', () => heard.push('didLoseSandbox'));
    events.emit('didShow', event);
    assert.deepEqual(heard, ['didShow']);
  });

  it('logs the error of a listener, and delivers to the others all the same', () => {
    const errors: string[] = [];
    const events = new NotebookEvents({ ...silentLog, error: (text) => errors.push(text) });
    const heard: string[] = [];
    events.on('didShow', () => {
      throw new Error('a bad listener');
    });
    events.on('didShow', () => heard.push('good'));
    events.emit('didShow', event);
    assert.deepEqual(heard, ['good']);
    assert.equal(errors.length, 1);
    assert.match(errors[0] ?? '', /a bad listener/);
  });

  it('delivers nothing to a listener that was removed', () => {
    const events = new NotebookEvents(silentLog);
    const heard: string[] = [];
    const listener = (): unknown => heard.push('heard');
    const first = events.on('didChangeStatus', listener);
    events.on('didChangeStatus', listener);
    first.dispose();
    first.dispose();
    events.emit('didChangeStatus', undefined);
    assert.deepEqual(heard, ['heard']);
  });
});
