import assert from 'node:assert/strict';
import { RunRecorder } from '../../src/agents/run-recorder';
import { sandboxFileOf } from '../../src/agents/sandbox-file';
import { plainText } from '../../src/outputs/plain-text';
import type { SandboxEvent } from '../../src/protocol/messages';
import { event, reply } from './outputsModel';

const OK = reply();
const stdout = (text: string): SandboxEvent => event('r', 'stream', { name: 'stdout', text });
const stderr = (text: string): SandboxEvent => event('r', 'stream', { name: 'stderr', text });

describe('a run object', () => {
  let now: number;
  let recorder: RunRecorder;
  beforeEach(() => {
    now = 1_000;
    recorder = new RunRecorder('sandbox', { maxEndedRuns: 2, maxEndedChars: 1_000_000, now: () => now });
    recorder.begin('r');
  });
  const run = (...events: SandboxEvent[]): NonNullable<ReturnType<RunRecorder['get']>> => {
    for (const one of events) {
      recorder.fold(one);
    }
    const found = recorder.get('r');
    assert.ok(found);
    return found;
  };

  it('is complete while the code runs, and says that it runs', () => {
    now += 250;
    assert.deepEqual(run(stdout('so far\n')), {
      kind: 'run',
      sandbox_id: 'sandbox',
      run_id: 'r',
      status: 'running',
      exit_code: null,
      execution_count: null,
      stdout: 'so far\n',
      stderr: '',
      results: [],
      error: null,
      truncated: null,
      duration_ms: 250,
      state_lost: false,
      next_step: 'The code is still running. Ask for this run again by its run_id, or interrupt it.',
      notices: [],
    });
  });

  it('has the end of the run, its time and its count', () => {
    recorder.fold(stdout('done'));
    now += 40;
    recorder.end('r', OK);
    now += 10_000;
    const { status, exit_code, duration_ms, execution_count } = run();
    assert.deepEqual([status, exit_code, duration_ms, execution_count], ['ok', 0, 40, 1]);
  });

  it('has stdout and stderr as text without control sequences, and overwritten lines as they end', () => {
    const { stdout: out, stderr: err } = run(
      stdout('\u001b[31mred\u001b[0m\n 10 %\r100 %\n'),
      stderr('a warning\n'),
      stdout('\u001b]8;;http://a\u0007link\u001b]8;;\u0007\n'),
    );
    assert.deepEqual([out, err], ['red\n100 %\nlink\n', 'a warning\n']);
  });

  it('has displays and the main result by MIME type', () => {
    const { results } = run(
      event('r', 'display_data', { data: { 'image/png': 'iVBORw0KGgo=' }, metadata: {}, transient: {} }),
      event('r', 'execute_result', {
        data: { 'text/plain': '\u001b[1m42\u001b[0m' },
        metadata: {},
        transient: {},
        execution_count: 1,
      }),
    );
    assert.deepEqual(results, [
      { 'image/png': 'iVBORw0KGgo=', is_main_result: false },
      { 'text/plain': '42', is_main_result: true },
    ]);
  });

  it('has the error with its traceback as plain text', () => {
    const { error } = run(
      event('r', 'error', { ename: 'ValueError', evalue: 'no', traceback: ['\u001b[31mValueError\u001b[0m', 'no'] }),
    );
    assert.deepEqual(error, { name: 'ValueError', value: 'no', traceback: 'ValueError\nno' });
  });

  it('has a sentence for each notice, and for a failure that is not the error of the code', () => {
    recorder.end('r', { ...OK, status: 'error', failure: { code: 'TimedOut', params: { timeout: 2 } } });
    const { error, notices } = run(event('r', 'notice', { code: 'OutputDropped', params: { limit: 1_048_576 } }));
    assert.equal(error?.name, 'TimedOut');
    assert.match(notices.join(' '), /1 MB/);
  });

  it('may be cleared by its code', () => {
    assert.equal(run(stdout('gone'), event('r', 'clear_output', { wait: false }), stdout('kept')).stdout, 'kept');
  });

  it('can be asked for until more than the maximum number of later runs have ended', () => {
    for (const later of ['s', 't']) {
      recorder.end('r', OK);
      recorder.begin(later);
      recorder.end(later, OK);
    }
    assert.ok(recorder.get('r'));
    recorder.begin('u');
    assert.equal(recorder.get('r'), undefined);
    assert.ok(recorder.get('t'));
  });

  it('is forgotten when the ended runs hold too many characters', () => {
    recorder = new RunRecorder('sandbox', { maxEndedRuns: 100, maxEndedChars: 1_000 });
    for (const name of ['r', 's', 't', 'u']) {
      recorder.begin(name);
      recorder.fold(event(name, 'stream', { name: 'stdout', text: 'x'.repeat(400) }));
      recorder.end(name, OK);
    }
    recorder.begin('v');
    assert.deepEqual(
      ['r', 's', 't', 'u'].map((name) => recorder.get(name) !== undefined),
      [false, false, true, true],
    );
  });

  it('is never forgotten while it runs', () => {
    for (let i = 0; i < 10; i += 1) {
      recorder.begin(`later ${i}`);
      recorder.end(`later ${i}`, OK);
    }
    assert.equal(run().status, 'running');
  });

  it('of an unknown run does not exist', () => {
    assert.equal(recorder.get('unknown'), undefined);
  });
});

describe('plain text', () => {
  it('takes linear time for the worst texts', () => {
    for (const text of ['\u001b[' + '1;'.repeat(1_000_000), '\u001b]'.repeat(500_000), '\u001b['.repeat(500_000)]) {
      const began = performance.now();
      plainText(text);
      assert.ok(performance.now() - began < 1_000);
    }
  });

  it('keeps line breaks, tabs and every character that is no control character', () => {
    assert.equal(plainText('a\tb\nc é 🚀\u001b[1mA\u001b(B\u0000\u007f'), 'a\tb\nc é 🚀A(B');
  });
});

describe('a file for a sandbox', () => {
  for (const path of ['', '/etc/passwd', '../a', 'a/../b', 'a//b', 'a/', '.', 'a\0b', 'x'.repeat(300)]) {
    it(`cannot have the path ${JSON.stringify(path.slice(0, 20))}`, () => {
      assert.throws(() => sandboxFileOf(path, ''), { code: 'SettingInvalid' });
    });
  }

  it('gives its bytes in pieces of at most 1 MiB', async () => {
    const pieces: Buffer[] = [];
    for await (const piece of sandboxFileOf('a/b.bin', new Uint8Array(2_500_000)).content?.() ?? []) {
      pieces.push(piece);
    }
    assert.deepEqual(
      pieces.map(({ length }) => length),
      [1_048_576, 1_048_576, 402_848],
    );
  });
});
