import assert from 'node:assert/strict';
import { EventSteps } from '../../src/outputs/steps';
import type { SandboxEvent } from '../../src/protocol/messages';
import { event } from './outputsModel';

/** Milliseconds, longer than any test waits. */
const LONG = 60_000;

describe('the events of a run', () => {
  const passed: string[] = [];
  let runs = 1;
  const steps = (stepMs = LONG): EventSteps =>
    new EventSteps(
      ({ msg_type: type, parent_header: { msg_id: id } }) => {
        passed.push(`${type} of ${id}`);
      },
      () => runs,
      stepMs,
      LONG,
    );
  const text = (id: string, content = 'x'): SandboxEvent => event(id, 'stream', { name: 'stdout', text: content });
  const reply = (id: string): SandboxEvent =>
    event(id, 'execute_reply', {
      status: 'ok',
      execution_count: 1,
      ename: '',
      evalue: '',
      traceback: [],
      payload: [],
      user_expressions: {},
    });

  beforeEach(() => {
    passed.length = 0;
    runs = 1;
  });

  it('pass at once while a cell runs alone', () => {
    const its = steps();
    for (const one of [text('a'), text('a'), reply('a')]) {
      its.add(one);
    }
    assert.deepEqual(passed, ['stream of a', 'stream of a', 'execute_reply of a']);
  });

  it('pass in steps and in order while cells wait for the running cell', async () => {
    const its = steps(20);
    runs = 3;
    its.add(text('a')); // the first event passes at once
    for (const one of [reply('a'), text('b')]) {
      its.add(one);
    }
    assert.deepEqual(passed, ['stream of a']);
    await its.passed();
    assert.deepEqual(passed, ['stream of a', 'execute_reply of a', 'stream of b']);
  });

  it('pass with the end of the last cell, even if the ends of earlier cells are not shown yet', () => {
    const its = steps();
    runs = 3;
    for (const one of [text('a'), reply('a'), reply('b')]) {
      its.add(one);
    }
    assert.deepEqual(passed, ['stream of a', 'execute_reply of a', 'execute_reply of b']);
    runs = 1;
    its.add(reply('c'));
    assert.equal(passed.at(-1), 'execute_reply of c');
  });

  it('pass at once if one is a prompt, if they are many, or if they are long', () => {
    runs = 3;
    const asks = steps();
    for (const one of [
      text('a'),
      text('b'),
      event('b', 'input_request', { prompt: '', password: false, request: '1' }),
    ]) {
      asks.add(one);
    }
    assert.deepEqual(passed, ['stream of a', 'stream of b', 'input_request of b']);
    passed.length = 0;
    const many = steps();
    for (let i = 0; i < 1_001; i += 1) {
      many.add(text('a'));
    }
    assert.equal(passed.length, 1_001);
    passed.length = 0;
    const long = steps();
    for (const one of [text('a'), text('b', 'x'.repeat(100_000))]) {
      long.add(one);
    }
    assert.equal(passed.length, 3, 'the long one in two pieces');
  });

  it('pass in later turns of the event loop if they take long, in order, and a long text in pieces', async () => {
    const texts: string[] = [];
    let turn = 0;
    const turns = new Set<number>();
    const its = new EventSteps(
      (one) => {
        turns.add(turn);
        if (one.msg_type === 'stream') {
          texts.push(one.content.text);
        }
        for (const end = performance.now() + 10; performance.now() < end;) {
          /* it takes its time */
        }
      },
      () => 1,
    );
    const long = `${'x'.repeat(64 * 1024 - 1)}😀`.repeat(8);
    its.add(text('a', long));
    its.add(text('a', 'the last'));
    let isPassed = false;
    void its.passed().then(() => {
      isPassed = true;
    });
    assert.ok(!isPassed);
    while (!isPassed) {
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      turn += 1;
    }
    assert.equal(texts.join(''), `${long}the last`);
    assert.ok(turns.size > 1, 'all in one turn');
    assert.ok(
      texts.every((one) => !/^[\uDC00-\uDFFF]/.test(one)),
      'a character was taken apart',
    );
  });

  it('do not accumulate if they come faster than they can be shown', () => {
    let count = 0;
    const its = new EventSteps(
      () => {
        count += 1;
        for (const end = performance.now() + 0.1; performance.now() < end;) {
          /* it takes its time */
        }
      },
      () => 1,
      LONG,
      0,
    );
    for (let added = 1; added <= 5_000; added += 1) {
      its.add(text('a'));
      assert.ok(added - count <= 1_000, `${added - count} wait`);
    }
    its.flush();
    assert.equal(count, 5_000);
  });

  it('pass on request, and the caller can wait for that', async () => {
    const its = steps();
    runs = 3;
    for (const one of [text('a'), text('b')]) {
      its.add(one);
    }
    const known = its.passed();
    its.flush();
    await known;
    await its.passed();
    assert.deepEqual(passed, ['stream of a', 'stream of b']);
  });
});
