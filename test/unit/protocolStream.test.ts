import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ChunkAssembler } from '../../src/protocol/chunks';
import { buffersOf, decodeAssembled, decodeLine } from '../../src/protocol/decode';
import { command, encodeCommand } from '../../src/protocol/encode';
import { LineSplitter } from '../../src/protocol/lines';
import {
  CHUNK_BYTES,
  COMMAND_CHANNEL,
  MAX_LINE_BYTES,
  type CommandChunk,
  type EventContents,
  type JsonValue,
} from '../../src/protocol/messages';
import { random } from './outputsModel';

const README = readFileSync(path.join(__dirname, '../../../src/protocol/README.md'), 'utf8');
const COMMAND_LINES = README.split('\n').filter((line) => line.startsWith('{"header"'));
const EVENT_LINES = README.split('\n')
  .filter((line) => line.startsWith('{"seq"'))
  .map((line) => line.replaceAll('…', ''));

function splitting(maxBytes?: number) {
  const lines: string[] = [];
  const tooLong: number[] = [];
  const splitter = new LineSplitter(
    { line: (text) => lines.push(text), tooLong: (bytes) => tooLong.push(bytes) },
    maxBytes,
  );
  return { lines, tooLong, splitter };
}

/** Cuts the bytes into pieces of at most `most` bytes, by a seed. */
function* pieces(bytes: Buffer, next: (below: number) => number, most: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length;) {
    const end = Math.min(bytes.length, at + 1 + next(most));
    yield bytes.subarray(at, end);
    at = end;
  }
}

describe('lines of a stream', () => {
  it('are the same however the bytes are cut, in the middle of a character too', () => {
    const text =
      ['{"a":"grüße 🎈"}', '', 'x'.repeat(5000), '日本語', '\u2028', '🎈'.repeat(40)].join('\n') + '\nrest ü';
    const bytes = Buffer.from(text);
    for (let seed = 1; seed <= 200; seed += 1) {
      const { lines, tooLong, splitter } = splitting();
      const next = random(seed);
      for (const piece of pieces(bytes, next, seed % 2 ? 3 : 900)) {
        splitter.push(Buffer.from(piece));
      }
      assert.equal(splitter.end(), 'rest ü', `seed ${seed}`);
      assert.deepEqual(lines, text.split('\n').slice(0, -1).filter(Boolean), `seed ${seed}`);
      assert.deepEqual(tooLong, []);
    }
  });

  it('over the limit are dropped and reported, and the lines around them arrive', () => {
    for (const size of [1, 7, 64, 1000]) {
      const { lines, tooLong, splitter } = splitting(16);
      const bytes = Buffer.from(`first\n${'x'.repeat(16)}\n${'y'.repeat(17)}\n${'z'.repeat(200)}\nlast\n`);
      for (let at = 0; at < bytes.length; at += size) {
        splitter.push(bytes.subarray(at, at + size));
      }
      assert.deepEqual(lines, ['first', 'x'.repeat(16), 'last'], `pieces of ${size}`);
      assert.deepEqual(tooLong, [17, 200]);
    }
  });

  it('of 200 MB take no memory', () => {
    const { lines, tooLong, splitter } = splitting();
    const megabyte = Buffer.alloc(2 ** 20, 'x');
    const before = process.memoryUsage();
    let most = 0;
    for (let i = 0; i < 200; i += 1) {
      splitter.push(megabyte);
      most = Math.max(most, process.memoryUsage().arrayBuffers - before.arrayBuffers);
    }
    splitter.push(Buffer.from('\n{}\n'));
    assert.deepEqual([lines, tooLong], [['{}'], [200 * 2 ** 20]]);
    assert.ok(most < 8 * 2 ** 20, `${most} bytes more`);
  });

  it('are cut in linear time: a line of a million one-byte pieces, and 500,000 lines in one piece', () => {
    const { lines, splitter } = splitting();
    const start = performance.now();
    const byte = Buffer.from('x');
    for (let i = 0; i < MAX_LINE_BYTES; i += 1) {
      splitter.push(byte);
    }
    splitter.push(Buffer.from('\n' + 'ab\n'.repeat(500_000)));
    assert.equal(lines.length, 500_001);
    assert.equal(lines[0]?.length, MAX_LINE_BYTES);
    assert.ok(performance.now() - start < 2_000, `${performance.now() - start} ms`);
  });
});

describe('chunks', () => {
  const chunk = (id: string, i: number, last: boolean, data: string) => ({ id, i, last, data });

  it('of several series at once are joined, each in its order', () => {
    const chunks = new ChunkAssembler();
    assert.deepEqual(chunks.add('a', chunk('a', 0, false, '1')), { kind: 'partial' });
    assert.deepEqual(chunks.add('b', chunk('b', 0, false, 'x')), { kind: 'partial' });
    assert.deepEqual(chunks.add('a', chunk('a', 1, true, '2')), { kind: 'complete', json: '12' });
    assert.deepEqual(chunks.add('b', chunk('b', 1, true, 'y')), { kind: 'complete', json: 'xy' });
  });

  it('out of order, or of no open series, are dropped', () => {
    const chunks = new ChunkAssembler();
    chunks.add('a', chunk('a', 0, false, '1'));
    assert.equal(chunks.add('a', chunk('a', 2, true, '3')).kind, 'dropped');
    assert.equal(chunks.add('a', chunk('a', 1, true, '2')).kind, 'dropped');
    assert.equal(chunks.add('b', chunk('b', 5, true, '2')).kind, 'dropped');
  });

  it('start again with piece 0', () => {
    const chunks = new ChunkAssembler();
    chunks.add('a', chunk('a', 0, false, 'old'));
    chunks.add('a', chunk('a', 0, false, 'new'));
    assert.deepEqual(chunks.add('a', chunk('a', 1, true, '!')), { kind: 'complete', json: 'new!' });
  });

  it('that never end are dropped for others, and none grows over the limit', () => {
    const chunks = new ChunkAssembler(1000, 4);
    for (let i = 0; i < 10_000; i += 1) {
      chunks.add(`endless${i}`, chunk('x', 0, false, 'x'.repeat(300)));
    }
    assert.deepEqual(chunks.add('honest', chunk('h', 0, true, 'y'.repeat(900))), {
      kind: 'complete',
      json: 'y'.repeat(900),
    });
    assert.equal(chunks.add('big', chunk('b', 0, false, 'z'.repeat(600))).kind, 'partial');
    assert.equal(chunks.add('big', chunk('b', 1, false, 'z'.repeat(600))).kind, 'dropped');
    assert.deepEqual(chunks.add('after', chunk('a', 0, true, 'ok')), { kind: 'complete', json: 'ok' });
  });
});

describe('a line from a sandbox', () => {
  const place = { seq: 1, kernel: 'main', gen: 1, t: 0, channel: 'iopub' as const };
  const envelope = (msg_type: string, content: unknown, more = {}) =>
    JSON.stringify({
      ...place,
      channel: 'iopub',
      msg_type,
      parent_header: { msg_id: 'm1' },
      content,
      metadata: {},
      buffers: [],
      ...more,
    });
  const decoded = (line: string) => {
    const one = decodeLine(line);
    assert.equal(one.kind, 'event', JSON.stringify(one));
    return one.event;
  };

  it("is understood for every line of the protocol's README", () => {
    const types = new Set<string>();
    for (const line of EVENT_LINES) {
      if (line.includes('"msg_type":"chunk"')) {
        assert.equal(decodeLine(line).kind, 'chunk');
        continue;
      }
      const event = decoded(line.replaceAll('"msg_id":""', '"msg_id":"m1"'));
      types.add(event.msg_type);
      const raw = JSON.parse(line.replaceAll('"msg_id":""', '"msg_id":"m1"')) as Record<string, JsonValue>;
      assert.deepEqual(JSON.parse(JSON.stringify(event)), raw);
    }
    assert.ok(types.size >= 20, [...types].join());
  });

  it('with an unknown type is reported as such, with its seq', () => {
    assert.deepEqual(decodeLine(envelope('from_the_future', {})), {
      kind: 'unknown',
      seq: 1,
      msgType: 'from_the_future',
    });
    assert.equal(decodeLine(envelope('__proto__', {})).kind, 'unknown');
    assert.equal(decodeLine(envelope('constructor', {})).kind, 'unknown');
  });

  it('with an invalid field is refused by the name of that field, with its seq and its command', () => {
    assert.deepEqual(decodeLine(envelope('stream', { name: 'stdout', text: 5 })), {
      kind: 'invalid',
      seq: 1,
      msgId: 'm1',
      reason: 'text',
    });
    assert.deepEqual(decodeLine(envelope('stream', { name: 'stdin', text: '' })), {
      kind: 'invalid',
      seq: 1,
      msgId: 'm1',
      reason: 'name',
    });
    for (const id of ['', 'x'.repeat(65), '../etc', '__proto__', 7, null]) {
      assert.equal(
        decodeLine(envelope('input_request', { prompt: '', password: false, request: id })).kind,
        'invalid',
        String(id),
      );
    }
    for (const seq of [-1, 1.5, 2 ** 60, '1', null]) {
      assert.equal(decodeLine(envelope('stream', { name: 'stdout', text: '' }, { seq })).kind, 'invalid');
    }
  });

  it('from a supervisor that names only the latest open request lists that request as open', () => {
    const kernel = { gen: 1, execution_state: 'busy', msg_id: 'm1', execution_count: 1, cells: [] };
    const requests = (more: object) => {
      const { content } = decoded(
        envelope('hello', {
          boot: 'b',
          protocol: 2,
          runner: '0',
          python: '3',
          ipython: '9',
          first: 1,
          last: 1,
          writer: true,
          kernels: { main: { ...kernel, ...more } },
        }),
      );
      return (content as EventContents['hello']).kernels['main']?.requests;
    };
    assert.deepEqual(
      [requests({ request: 'r1' }), requests({ request: '' }), requests({ request: 'r2', requests: ['r1', 'r2'] })],
      [['r1'], [], ['r1', 'r2']],
    );
  });

  it('is decoded to nothing that its type does not have', () => {
    const event = decoded(envelope('stream', { name: 'stdout', text: 'x', extra: 1 }, { more: 2 }));
    assert.deepEqual(Object.keys(event.content), ['name', 'text']);
    assert.ok(!('more' in event));
  });

  it('has no __proto__ at any depth', () => {
    const line = envelope('display_data', { data: { 'application/json': 1 }, metadata: {}, transient: {} }).replace(
      '"application/json":1',
      '"application/json":{"a":[{"__proto__":{"polluted":1},"b":1}]},"__proto__":{"x/y":1}',
    );
    const event = decoded(line);
    assert.equal(event.msg_type, 'display_data');
    assert.deepEqual((event.content as { data: unknown }).data, { 'application/json': { a: [{ b: 1 }] } });
    assert.equal(JSON.stringify(event).includes('__proto__'), false);
  });

  it('may nest deeply or not be JSON at all without an exception', () => {
    const deep = '['.repeat(200_000) + ']'.repeat(200_000);
    for (const line of [
      deep,
      '{',
      'null',
      '[]',
      '5',
      '"x"',
      '',
      '\u0000',
      '{"seq":1}',
      '{"__proto__":5}',
      envelope('display_data', { data: {}, metadata: {}, transient: {} }).replace(
        '"data":{}',
        `"data":{"application/json":${deep}}`,
      ),
      envelope('execute_reply', { status: 'ok' }).replace('"metadata":{}', `"metadata":{"x":${deep}}`),
      envelope('stream', null),
      envelope('hello', { kernels: { __proto__: null } }),
    ]) {
      assert.notEqual(decodeLine(line).kind, 'event');
    }
  });

  it('never throws, whatever is changed in a line', () => {
    for (let seed = 1; seed <= 2_000; seed += 1) {
      const next = random(seed);
      let line = EVENT_LINES[next(EVENT_LINES.length)] ?? '';
      for (let i = 0; i <= next(4); i += 1) {
        const at = next(line.length);
        const cut = [
          '',
          '"',
          '{',
          '}',
          '0',
          '-1',
          'null',
          '[',
          ',',
          '\\',
          ':',
          'é',
          line.slice(next(line.length)).slice(0, 40),
        ];
        line = line.slice(0, at) + (cut[next(cut.length)] ?? '') + line.slice(at + next(12));
      }
      const one = decodeLine(line);
      if (one.kind === 'event') {
        JSON.stringify(one.event);
      }
      decodeAssembled(place, line);
    }
  });

  it('cannot smuggle a chunk into a chunk', () => {
    const inner = JSON.stringify({
      channel: 'iopub',
      msg_type: 'chunk',
      parent_header: { msg_id: 'm1' },
      content: { id: 'x', i: 0, last: true, data: '' },
      metadata: {},
      buffers: [],
    });
    assert.equal(decodeAssembled(place, inner).kind, 'unknown');
  });

  it('is checked quickly: 100,000 stream events take at most 1.5 s of processor time', () => {
    const line = envelope('stream', { name: 'stdout', text: 'some text\n' });
    const before = process.cpuUsage();
    for (let i = 0; i < 100_000; i += 1) {
      decodeLine(line);
    }
    const { user, system } = process.cpuUsage(before);
    assert.ok(user + system < 1_500_000, `${user + system} µs`);
  });

  it('has the buffers of a comm as they were sent', () => {
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
    const event = decoded(
      envelope('comm_msg', { comm_id: 'c', data: { method: 'custom' } }, { buffers: [bytes.toString('base64'), ''] }),
    );
    assert.deepEqual(
      buffersOf(event).map((one) => Buffer.from(one)),
      [bytes, Buffer.alloc(0)],
    );
  });

  it('is refused for a comm without an id, with an id that could be taken for another, or with invalid buffers', () => {
    for (const id of ['', 'x'.repeat(257), 7, null, undefined]) {
      assert.equal(decodeLine(envelope('comm_msg', { comm_id: id, data: {} })).kind, 'invalid', String(id));
    }
    for (const buffers of [
      ['a'],
      ['not base64!!'],
      ['YQ==YQ=='],
      [3],
      'YQ==',
      Array.from({ length: 10_001 }, () => ''),
    ]) {
      assert.equal(
        decodeLine(envelope('comm_msg', { comm_id: 'c', data: {} }, { buffers })).kind,
        'invalid',
        JSON.stringify(buffers).slice(0, 40),
      );
    }
    for (const data of [[], 'x', 3]) {
      assert.equal(decodeLine(envelope('comm_open', { comm_id: 'c', target_name: 't', data })).kind, 'invalid');
    }
    assert.deepEqual(decoded(envelope('comm_close', { comm_id: 'c' })).content, { comm_id: 'c', data: {} });
  });
});

describe('commands', () => {
  const said = (line: string) => JSON.parse(line) as CommandChunk;

  it('are in the README, each on its channel', () => {
    const types = COMMAND_LINES.map((line) => said(line).header.msg_type as string);
    assert.deepEqual(
      Object.keys(COMMAND_CHANNEL).filter((type) => !types.includes(type)),
      [],
    );
    for (const line of COMMAND_LINES) {
      const {
        header: { msg_type: type },
        channel,
      } = said(line);
      if (type in COMMAND_CHANNEL) {
        assert.equal(channel, COMMAND_CHANNEL[type as unknown as keyof typeof COMMAND_CHANNEL]);
      }
    }
  });

  it('that are long are sent in pieces that split no character', () => {
    for (const code of [
      'x'.repeat(300_000),
      '"\\\n'.repeat(100_000),
      'x' + '🎈'.repeat(100_000),
      'ü'.repeat(200_000),
      '\ud800'.repeat(70_000),
    ]) {
      const message = command('execute_request', {
        code,
        silent: false,
        store_history: true,
        allow_stdin: true,
        stop_on_error: true,
        timeout: 0,
        folder: '',
        project: '',
      });
      const lines = encodeCommand(message).split('\n');
      assert.equal(lines.pop(), '');
      const chunks = lines.map(said);
      assert.ok(chunks.length > 1 && lines.every((line) => Buffer.byteLength(line) < MAX_LINE_BYTES));
      assert.deepEqual(
        chunks.map(({ header, channel, content: { id, i, last } }) => [
          header.msg_id,
          header.msg_type,
          channel,
          id,
          i,
          last,
        ]),
        chunks.map((_, i) => [
          message.header.msg_id,
          'chunk',
          'shell',
          message.header.msg_id,
          i,
          i === chunks.length - 1,
        ]),
      );
      // As in the sandbox: each piece alone is valid text.
      const joined = chunks.map(({ content }) => Buffer.from(content.data).toString()).join('');
      assert.deepEqual(JSON.parse(joined), JSON.parse(JSON.stringify(message)));
    }
  });

  it('of up to 128 KiB are one line', () => {
    const empty = Buffer.byteLength(JSON.stringify(command('input_reply', { value: '', request: 'r' })));
    for (const [more, lines] of [
      [0, 1],
      [1, 3],
    ] as const) {
      assert.equal(
        encodeCommand(command('input_reply', { value: 'x'.repeat(CHUNK_BYTES - empty + more), request: 'r' })).split(
          '\n',
        ).length - 1,
        lines,
      );
    }
  });
});
