import assert from 'node:assert/strict';
import { cutRun } from '../../src/agents/mcp/cut-run';
import type { Run, RunResult } from '../../src/agents/run';
import { RUNNING } from '../../src/agents/verdict';

const run = (over: Partial<Run>): Run => ({
  kind: 'run',
  sandbox_id: 's',
  run_id: 'r',
  ...RUNNING,
  execution_count: 1,
  stdout: '',
  stderr: '',
  results: [],
  error: null,
  truncated: null,
  duration_ms: 1,
  notices: [],
  ...over,
});
const result = (data: Record<string, string>): RunResult => ({ ...data, is_main_result: false });

describe('a run for a model', () => {
  it('has stdout and then stderr in pages that give the whole when they are joined', () => {
    const whole = run({ stdout: 'abcdef', stderr: 'uvwxyz' });
    const pages = [0, 4, 8].map((fromChar) => cutRun(whole, { maxChars: 4, fromChar }).run);
    assert.deepEqual(
      pages.map(({ stdout, stderr, truncated }) => [stdout, stderr, truncated?.chars ?? 0]),
      [
        ['abcd', '', 8],
        ['ef', 'uv', 4],
        ['', 'wxyz', 0],
      ],
    );
    assert.equal(pages[0]?.truncated?.how_to_get_the_rest, 'Call get_run with run_id "r" and from_char 4.');
  });

  it('has no HTML and no JavaScript', () => {
    const { results } = cutRun(
      run({ results: [result({ 'text/html': '<b>', 'application/javascript': 'x', 'text/plain': 'p' })] }),
      { maxChars: 10 },
    ).run;
    assert.deepEqual(results, [result({ 'text/plain': 'p' })]);
  });

  it('says how many images were left out, because they are too large or too many', () => {
    const small = result({ 'image/png': 'AA\nAA' });
    const cut = cutRun(
      run({ results: [result({ 'image/png': 'A'.repeat(2_000_000) }), ...Array.from({ length: 10 }, () => small)] }),
      {
        maxChars: 10,
      },
    );
    assert.deepEqual([cut.images.length, cut.images[0]?.data], [8, 'AAAA']);
    assert.match(cut.run.notices.join(), /^3 images were left out/);
  });

  it('is bounded, however many results it has and however long they and the error are', () => {
    const long = 'x'.repeat(100_000);
    const cut = cutRun(
      run({
        results: Array.from({ length: 1_000 }, () => result({ 'text/plain': long })),
        error: { name: long, value: long, traceback: long },
      }),
      { maxChars: 10 },
    ).run;
    assert.ok(JSON.stringify(cut).length < 150_000);
    assert.match(cut.notices.join(), /^99\d results were left out/);
  });
});
