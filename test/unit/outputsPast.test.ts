import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { CellDocument } from '../../src/outputs/document';
import { NotebookOutputs } from '../../src/outputs/notebook-outputs';
import { PastLog, type OpenRun, type PlacedCell } from '../../src/outputs/past';
import type { CellMetadata, SandboxEvent } from '../../src/protocol/messages';
import { event } from './outputsModel';

const CELLS: PlacedCell[] = [
  { id: 'one', index: 0, sourceHash: 'a', key: 'cell 0' },
  { id: 'two', index: 1, sourceHash: 'b', key: 'cell 1' },
  { id: '', index: 2, sourceHash: 'c', key: 'cell 2' },
  { id: '', index: 3, sourceHash: 'c', key: 'cell 3' },
  { id: '', index: 4, sourceHash: 'd', key: 'cell 4' },
];

/** The metadata of the runs r0, r1, …. */
const METADATA: CellMetadata[] = [
  { cellId: 'one' },
  { cellId: 'two' },
  { cellId: 'one' },
  { cellId: 'gone' },
  { index: 3, sourceHash: 'c' },
  { index: 0, sourceHash: 'c' },
  { index: 9, sourceHash: 'gone' },
  {},
  { cellId: 'one', index: 4 },
];
const RUNS = METADATA.map((_, i) => `r${i}`);
const of = (run: string, metadata = METADATA[Number(run.slice(1))] ?? {}) => ({ metadata: { ...metadata } });

const accepted = (run: string): SandboxEvent => ({
  ...event(run, 'accepted', { msg_type: 'execute_request' }),
  ...of(run),
});
const busy = (run: string): SandboxEvent => ({ ...event(run, 'status', { execution_state: 'busy' }), ...of(run) });
const print = (run: string, text: string): SandboxEvent => event(run, 'stream', { name: 'stdout', text });
const ended = (run: string): SandboxEvent =>
  event(run, 'execute_reply', {
    status: 'ok',
    execution_count: 1,
    ename: '',
    evalue: '',
    traceback: [],
    payload: [],
    user_expressions: {},
  });

interface Told {
  runs: { msgId: string; cell: string; outputs: unknown[]; isNew: boolean; hasEnded: boolean }[];
  withoutCell: number;
}

function told(events: readonly SandboxEvent[], open: readonly OpenRun[], after: number): Told {
  const past = new PastLog(CELLS, new NotebookOutputs(), after);
  for (const one of events) {
    past.add(one, open);
  }
  const { runs, withoutCell } = past.finish(open);
  return {
    runs: runs
      .map(({ msgId, cell, document, isNew, end }) => ({
        msgId,
        cell: cell.key,
        outputs: [...document.outputs.values()].map(({ output }) => output),
        isNew,
        hasEnded: end !== undefined,
      }))
      .sort((a, b) => (a.cell < b.cell ? -1 : 1)),
    withoutCell,
  };
}

/** The same, but computed from the whole log before any of it is folded. */
function whole(events: readonly SandboxEvent[], open: readonly OpenRun[], after: number): Told {
  const begun = new Map<string, CellMetadata>();
  for (const one of events) {
    if (one.msg_type === 'accepted' || one.msg_type === 'status') {
      begun.set(one.parent_header.msg_id, one.metadata);
    }
  }
  for (const { msgId, metadata } of open) {
    begun.set(msgId, metadata);
  }
  const cellOf = ({ cellId = '', index = 0, sourceHash = '' }: CellMetadata) =>
    CELLS.filter((cell) =>
      cellId !== '' ? cell.id === cellId : cell.id === '' && cell.sourceHash === sourceHash,
    ).sort((a, b) => Math.abs(a.index - index) - Math.abs(b.index - index))[0];
  const known = new Set([...begun].filter(([, metadata]) => cellOf(metadata) !== undefined).map(([msgId]) => msgId));
  const last = new Map(
    [...begun].flatMap(([msgId, metadata]) => {
      const cell = cellOf(metadata);
      return cell === undefined ? [] : [[cell, msgId] as const];
    }),
  );
  const outputs = new NotebookOutputs();
  for (const [cell, msgId] of last) {
    outputs.begin(msgId, cell.key);
  }
  const documents = new Map([...last.values()].map((msgId) => [msgId, new CellDocument()]));
  const fresh = new Set<string>();
  for (const one of events) {
    for (const { run, edit } of outputs.fold(one)) {
      documents.get(run)?.apply(edit);
      if (one.seq > after) {
        fresh.add(run);
      }
    }
    if (one.seq > after && !known.has(one.parent_header.msg_id) && one.msg_type === 'stream') {
      fresh.add(one.parent_header.msg_id);
    }
  }
  const isOpen = new Set(open.map(({ msgId }) => msgId));
  return {
    runs: [...last]
      .map(([cell, msgId]) => ({
        msgId,
        cell: cell.key,
        outputs: [...(documents.get(msgId)?.outputs.values() ?? [])].map(({ output }) => output),
        isNew: fresh.has(msgId),
        hasEnded: events.some((one) => one.msg_type === 'execute_reply' && one.parent_header.msg_id === msgId),
      }))
      .sort((a, b) => (a.cell < b.cell ? -1 : 1)),
    withoutCell: [...begun.keys()].filter((msgId) => !known.has(msgId) && (fresh.has(msgId) || isOpen.has(msgId)))
      .length,
  };
}

describe('the log of an earlier window', () => {
  it('gives the same when it is folded as it comes as when it is folded as a whole', () => {
    // Runs come one after the other, as from a kernel. Late output of one run comes during another.
    const runs = fc
      .shuffledSubarray(RUNS)
      .chain((order) =>
        fc.tuple(
          ...order.map((run, at) =>
            fc
              .tuple(
                fc.array(fc.constantFrom('a', 'b\n', '\rc'), { maxLength: 3 }),
                fc.boolean(),
                fc.constantFrom(...order.slice(0, at + 1)),
              )
              .map(([texts, ends, late]) => [
                accepted(run),
                busy(run),
                ...texts.map((text) => print(run, text)),
                ...(ends ? [ended(run), print(late, 'late')] : []),
              ]),
          ),
        ),
      );
    fc.assert(
      fc.property(runs, fc.nat(60), fc.nat(8), fc.nat(3), (parts, after, trimmed, opened) => {
        const events = parts.flat().map((one, i): SandboxEvent => ({ ...one, seq: i + 1 }));
        // If the beginning of a run is no longer in the log, only the list of open cells has it.
        const kept = events
          .slice(trimmed)
          .filter(({ parent_header: { msg_id: id } }) =>
            events.slice(trimmed).some((one) => one.msg_type === 'accepted' && one.parent_header.msg_id === id),
          );
        const open = kept
          .filter(({ msg_type }) => msg_type === 'accepted')
          .slice(-opened)
          .map(({ parent_header: { msg_id: msgId } }) => ({ msgId, requests: [], ...of(msgId) }));
        assert.deepEqual(told(kept, open, after), whole(kept, open, after));
      }),
      { numRuns: 400 },
    );
  });

  it('continues a cell whose beginning is no longer in the log if the sandbox lists it as open', () => {
    const open = [{ msgId: 'r1', requests: [], ...of('r1') }];
    const { runs } = told(
      [print('r1', 'the end of it\n')].map((one) => ({ ...one, seq: 9 })),
      open,
      0,
    );
    assert.deepEqual(
      runs.map(({ cell, outputs }) => [cell, outputs]),
      [['cell 1', [{ output_type: 'stream', name: 'stdout', text: 'the end of it\n' }]]],
    );
  });

  it('has all open prompts, including earlier ones, and no answered prompt', () => {
    const ask = (request: string, prompt: string): SandboxEvent =>
      event('r0', 'input_request', { prompt, password: false, request });
    const open = [{ msgId: 'r0', requests: ['early', 'install', 'late'], ...of('r0') }];
    const past = new PastLog(CELLS, new NotebookOutputs(), 0);
    for (const [i, one] of [
      accepted('r0'),
      ask('early', 'a? '),
      ask('answered', 'b? '),
      ask('late', 'c? '),
    ].entries()) {
      past.add({ ...one, seq: i + 1 }, open);
    }
    const [run] = past.finish(open).runs;
    assert.deepEqual(
      [...(run?.prompts.values() ?? [])].map(({ content }) => content.prompt),
      ['a? ', 'c? '],
    );
  });

  it('is not kept in memory, apart from what the cells show', () => {
    const past = new PastLog(CELLS, new NotebookOutputs(), 0);
    const megabyte = (i: number) => `${i}`.padEnd(1_000_000, 'x');
    const before = process.memoryUsage();
    past.add({ ...accepted('r0'), seq: 1 }, []);
    for (let i = 2; i < 400; i += 1) {
      past.add(
        { ...event('r0', 'display_data', { data: { 'image/png': megabyte(i) }, metadata: {}, transient: {} }), seq: i },
        [],
      );
      past.add({ ...event('r0', 'clear_output', { wait: false }), seq: i }, []);
      past.add({ ...print('unknown', megabyte(i)), seq: i }, []);
    }
    const now = process.memoryUsage();
    assert.ok(now.heapUsed - before.heapUsed < 200_000_000, `${now.heapUsed - before.heapUsed} bytes of 800 MB`);
    assert.deepEqual(
      past.finish([]).runs.map(({ document }) => document.size),
      [0],
    );
  });

  it('takes time in proportion to its length, with many runs and many cells', function () {
    this.timeout(60_000);
    const cells = Array.from({ length: 2_000 }, (_, i): PlacedCell => ({
      id: '',
      index: i,
      sourceHash: `hash ${i}`,
      key: `cell ${i}`,
    }));
    const before = process.cpuUsage();
    const past = new PastLog(cells, new NotebookOutputs(), 0);
    for (let i = 0; i < 100_000; i += 1) {
      past.add(
        {
          ...event(`run${i}`, 'accepted', { msg_type: 'execute_request' }),
          seq: i + 1,
          metadata: { index: i, sourceHash: `hash ${i % 3_000}` },
        },
        [],
      );
      past.add({ ...print(`run${i}`, 'x'), seq: i + 1 }, []);
    }
    assert.equal(past.finish([]).runs.length, 2_000);
    const { user, system } = process.cpuUsage(before);
    assert.ok((user + system) / 1000 < 20_000, `${(user + system) / 1000} ms`);
  });
});
