import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { silentLog } from '../../src/log';
import { EventBatcher } from '../../src/outputs/batcher';
import { STREAM_PAIR_SECONDS } from '../../src/outputs/cell-outputs';
import { NotebookOutputs } from '../../src/outputs/notebook-outputs';
import { StreamText } from '../../src/outputs/stream-text';
import { decodeLine } from '../../src/protocol/decode';
import type { SandboxEvent } from '../../src/protocol/messages';
import { Follower } from '../../src/session/stream/follower';
import { applyTo, event, type ModelCell } from './outputsModel';

const RUNS = ['r1', 'r2', 'r3'];
const MEGABYTE = 2 ** 20;

const piece = fc.constantFrom(
  'a',
  'bc',
  'word ',
  '\n',
  '\r',
  '\b',
  '\x1b[A',
  '\x1b[3A',
  '\x1b[K',
  '\x1b[1K',
  '\x1b[2K',
  '\x1b[B',
  '\x1b[32m',
  '\x1b[1m',
  '\x1b[0m',
  '\x1b[?25l',
  '\x1b',
  '[',
  '\u{1f680}',
  '$1',
  '\u2028',
  'ä',
  '𝄞',
  '100%',
  '\r\n',
  '\t',
);
const terminalText = fc.array(piece, { maxLength: 120 }).map((pieces) => pieces.join(''));
const line = fc.constantFrom('one\n', 'two ', 'three', '\n');

const run = fc.constantFrom(...RUNS);
const id = fc.constantFrom('d1', 'd2');
const bundle = (text: string, transient = {}) => ({ data: { 'text/plain': text }, metadata: {}, transient });
const widget = { state: { _model_name: 'OutputModel', outputs: [] } };

/** One event that a kernel may send, for any run. */
const said: fc.Arbitrary<SandboxEvent> = fc.oneof(
  {
    arbitrary: fc
      .record({
        run,
        name: fc.constantFrom('stdout' as const, 'stderr' as const),
        text: fc.array(piece, { minLength: 1, maxLength: 6 }),
      })
      .map(({ run: of, name, text }) => event(of, 'stream', { name, text: text.join('') })),
    weight: 6,
  },
  { arbitrary: fc.tuple(run, line).map(([of, text]) => event(of, 'display_data', bundle(text))), weight: 2 },
  {
    arbitrary: fc
      .tuple(run, id, line)
      .map(([of, display_id, text]) => event(of, 'display_data', bundle(text, { display_id }))),
    weight: 2,
  },
  {
    arbitrary: fc
      .tuple(run, id, line)
      .map(([of, display_id, text]) => event(of, 'update_display_data', bundle(text, { display_id }))),
    weight: 2,
  },
  fc.tuple(run, fc.boolean()).map(([of, wait]) => event(of, 'clear_output', { wait })),
  fc.tuple(run, line).map(([of, text]) => event(of, 'execute_result', { ...bundle(text), execution_count: 1 })),
  run.map((of) => event(of, 'error', { ename: 'E', evalue: 'v', traceback: ['t'] })),
  fc.nat(9).chain((execution_count) => run.map((of) => event(of, 'execute_input', { code: '', execution_count }))),
  run.map((of) =>
    event(of, 'display_data', {
      ...bundle('Output()'),
      data: { 'text/plain': 'Output()', 'application/vnd.jupyter.widget-view+json': { model_id: 'w' } },
    }),
  ),
  run.map((of) => event(of, 'comm_open', { comm_id: 'w', target_name: 'jupyter.widget', data: widget })),
  fc
    .tuple(run, fc.boolean())
    .map(([of, begins]) =>
      event(of, 'comm_msg', { comm_id: 'w', data: { method: 'update', state: { msg_id: begins ? of : '' } } }),
    ),
  run.map((of) =>
    event(of, 'execute_reply', {
      status: 'ok',
      execution_count: 1,
      ename: '',
      evalue: '',
      traceback: [],
      payload: [],
      user_expressions: {},
    }),
  ),
);
/**
 * Sixteenths of a second before each event, because floating-point numbers add them exactly. Clocks may be set back.
 */
const passing = fc.constantFrom(0, 0, 0, 1, 1, 2, 3, 4, -1);
const log = fc.array(fc.tuple(said, passing), { maxLength: 60 }).map((events) => {
  let sixteenths = 0;
  return events.map(([one, passed], index): SandboxEvent => {
    sixteenths += passed;
    return { ...one, seq: index + 1, t: sixteenths / 16 };
  });
});

function folded(
  events: readonly SandboxEvent[],
  pass = (fold: (one: SandboxEvent) => void) => {
    events.forEach(fold);
  },
): Map<string, ModelCell> {
  const outputs = new NotebookOutputs();
  const cells = new Map<string, ModelCell>();
  for (const name of RUNS) {
    outputs.begin(name, `cell of ${name}`);
  }
  pass((one) => {
    applyTo(cells, outputs.fold(one));
  });
  applyTo(cells, outputs.redraw());
  return new Map(
    [...cells].map(([name, cell]) => [
      name,
      { ...cell, outputs: cell.outputs.map(({ output }) => ({ id: 0, output })) },
    ]),
  ); // ids have no meaning
}

/** Cuts an array at arbitrary places. */
const cuts = <T>(items: readonly T[], places: readonly number[]): T[][] => {
  const sorted = [...new Set(places.map((place) => place % (items.length + 1)))].sort((a, b) => a - b);
  return [0, ...sorted].map((from, index) => items.slice(from, sorted[index] ?? items.length));
};

describe('the outputs of a notebook for any events of a kernel', () => {
  it('any cut of a stream into chunks gives the same text, in VS Code too', () => {
    fc.assert(
      fc.property(terminalText, fc.array(fc.nat(400), { maxLength: 30 }), (text, places) => {
        const chunks = cuts([...text], places).map((characters) => characters.join(''));
        const whole = new StreamText(text).text();
        const pieces = new StreamText();
        for (const chunk of chunks) {
          pieces.write(chunk);
        }
        assert.equal(pieces.text(), whole);
        const cell = folded(
          chunks.filter((chunk) => chunk !== '').map((chunk) => event('r1', 'stream', { name: 'stdout', text: chunk })),
        ).get('r1');
        const output = cell?.outputs[0]?.output;
        assert.equal(output?.output_type === 'stream' ? output.text : '', whole);
      }),
      { numRuns: 500 },
    );
  });

  it('any interleaving of stdout, stderr and displays keeps its order, except for streams that alternate within a fifth of a second', () => {
    const written = fc.array(
      fc.record({
        where: fc.constantFrom('stdout' as const, 'stderr' as const, 'display' as const),
        text: line,
        passed: fc.nat(4),
      }),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(written, (parts) => {
        let t = 0;
        const events: SandboxEvent[] = [];
        const expected: [string, string][] = [];
        let pair: { since: number; outputs: [string, string][] } | undefined;
        let last = '';
        for (const { where, text, passed } of parts) {
          t += passed / 16;
          events.push(
            where === 'display'
              ? event('r1', 'display_data', bundle(text), t)
              : event('r1', 'stream', { name: where, text }, t),
          );
          if (where !== last && pair !== undefined && t - pair.since >= STREAM_PAIR_SECONDS) {
            pair = undefined;
          }
          last = where;
          const known = where === 'display' ? undefined : pair?.outputs.find(([name]) => name === where);
          if (known !== undefined) {
            known[1] += text;
            continue;
          }
          const output: [string, string] = [where, text];
          expected.push(output);
          pair =
            where === 'display' ? undefined : { since: pair?.since ?? t, outputs: [...(pair?.outputs ?? []), output] };
        }
        const outputs = folded(events).get('r1')?.outputs ?? [];
        assert.deepEqual(
          outputs.map(({ output }) =>
            output.output_type === 'stream'
              ? [output.name, output.text]
              : ['display', 'data' in output ? output.data['text/plain'] : ''],
          ),
          expected,
        );
      }),
      { numRuns: 500 },
    );
  });

  it('the whole log folded at once gives the same as the events folded as they come', () => {
    fc.assert(
      fc.property(log, fc.array(fc.nat(60), { maxLength: 20 }), (events, flushes) => {
        const live = folded(events, (fold) => {
          const batcher = new EventBatcher(fold, 1_000_000);
          events.forEach((one, index) => {
            batcher.add(one);
            if (flushes.includes(index)) {
              batcher.flush();
            } // its timer went off here
          });
          batcher.dispose();
        });
        assert.deepEqual(live, folded(events));
      }),
      { numRuns: 500 },
    );
  });

  it('a stream that is cut after any event and replayed from any earlier event gives the same as the whole stream', () => {
    fc.assert(
      fc.property(log, fc.nat(60), fc.nat(60), (events, k, back) => {
        const cut = Math.min(k, events.length);
        const lines = events.map((one) => JSON.stringify(one));
        const replayed = folded(events, (fold) => {
          const follower = new Follower(
            {
              logged: fold,
              unlogged: () => assert.fail('an answer'),
              hole: () => assert.fail('a hole'),
              unreadable: (_, reason) => assert.fail(reason),
            },
            silentLog,
            MEGABYTE,
          );
          for (const one of lines.slice(0, cut)) {
            follower.receive(decodeLine(one));
          }
          assert.equal(follower.place.after, cut);
          for (const one of lines.slice(Math.max(0, cut - back))) {
            follower.receive(decodeLine(one));
          }
        });
        assert.deepEqual(replayed, folded(events));
      }),
      { numRuns: 300 },
    );
  });

  it('a cell folded again from its own first event gives the same outputs', () => {
    fc.assert(
      fc.property(log, (events) => {
        const alone = events.filter(
          ({ msg_type }) => msg_type !== 'update_display_data' && !msg_type.startsWith('comm_'),
        );
        for (const name of RUNS) {
          const own = folded(alone.filter(({ parent_header }) => parent_header.msg_id === name)).get(name);
          assert.deepEqual(own, folded(alone).get(name));
        }
      }),
      { numRuns: 200 },
    );
  });
});
