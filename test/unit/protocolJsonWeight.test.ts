import assert from 'node:assert/strict';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { ChunkAssembler, type Assembled } from '../../src/protocol/chunks';
import { CHUNK_BYTES } from '../../src/protocol/messages';

const MB = 2 ** 20;
const many = (count: number, part: (i: number) => string): string => Array.from({ length: count }, (_, i) => part(i)).join(',');

/** What a sandbox may send to hold up the window. */
const HOSTILE: Readonly<Record<string, () => string>> = {
  'names that are all others, in one object': () => `{${many(900_000, (i) => `"k${i}":1`)}}`,
  'names that are all others, in an object each': () => `[${many(700_000, (i) => `{"k${i}":1}`)}]`,
  'names with spaces behind them': () => `[${many(700_000, (i) => `{"k${i}" :1}`)}]`,
  'lists within lists': () => '['.repeat(5 * MB) + ']'.repeat(5 * MB),
  'strings that are all others': () => `[${many(2_000_000, (i) => `"s${i}"`)}]`,
};
/** Tables of which a window is to hold 20 MB. */
const TABLES: Readonly<Record<string, () => string>> = {
  'a table of two numbers in each row': () => `[${many(1_075_000, (i) => `[${i / 4},${i / 8}]`)}]`,
  'a table as pandas writes it (orient="split")': () => `{"columns":["number","value","name","even"],"data":[${many(600_000, (i) => `[${i},${(i / 3).toFixed(3)},"name ${i % 1_000}",${i % 2 === 0}]`)}]}`,
  'a table as pandas writes it (orient="records")': () => JSON.stringify(Array.from({ length: 480_000 }, (_, i) => ({ time: i, value: i / 4, name: i % 2 === 0 ? 'even' : 'odd' }))),
  'a table as pandas writes it (columns with an index)': () => `{${many(3, (column) => `"column ${column}":{${many(560_000, (i) => `"${i}":${(i * column) % 1_000 / 4}`)}}`)}}`,
  'the curves of a plot, each of a few points': () => JSON.stringify({ data: Array.from({ length: 150_000 }, (_, i) => ({ type: 'scatter', mode: 'lines', name: `curve ${i}`, x: [i, i + 1, i + 2], y: [i / 4, i / 2, i], line: { width: 1, color: '#636efa' } })) }),
};
/** What libraries send. */
const HONEST: Readonly<Record<string, () => string>> = {
  'a picture': () => JSON.stringify({ data: { 'image/png': 'iVBORw0KGgo'.repeat(40 * MB / 11) } }),
  'a page with many quotes and backslashes': () => JSON.stringify({ data: { 'text/html': '<td class="a\\b">1,2</td>'.repeat(10 * MB / 24) } }),
  'the points of a plot': () => JSON.stringify({ x: Array.from({ length: 500_000 }, (_, i) => i / 7) }),
  'the rows of a table': () => JSON.stringify(Array.from({ length: 100_000 }, (_, i) => ({ time: i, value: i / 3, name: i % 2 === 0 ? 'even' : 'odd' }))),
};

/** What takes the most memory for its length; of each as much as is not left out. */
const LARGE: Readonly<Record<string, string>> = {
  'empty lists': '[]', 'empty objects': '{}', 'lists of one': '[1]', 'objects with an index': '{"7":1}', 'objects with an index behind a space': '{ "7":1}', 'objects of one': '{"a":1}',
};

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

describe('a message that comes in pieces', () => {
  /** The same cutting as the runner's by default. */
  function assemble(json: string, pieceLength = CHUNK_BYTES): Assembled {
    const chunks = new ChunkAssembler();
    let last: Assembled = { kind: 'partial' };
    for (let at = 0, i = 0; last.kind === 'partial'; at += pieceLength, i += 1) {
      last = chunks.add('main/1/x', { id: 'x', i, last: at + pieceLength >= json.length, data: json.slice(at, at + pieceLength) });
    }
    return last;
  }

  for (const [what, make] of Object.entries(HOSTILE)) {
    it(`is left out where it would take long to parse: ${what}`, () => {
      assert.deepEqual(assemble(make()), { kind: 'dropped', reason: 'a message of too many parts' });
    });
  }

  for (const [what, make] of Object.entries(TABLES)) {
    it(`is whole where it is 20 MB of ${what}`, () => {
      const json = make();
      assert.ok(json.length >= 20 * MB, `${json.length} characters`);
      assert.equal(assemble(json).kind, 'complete');
    });
  }

  for (const [what, make] of Object.entries(HONEST)) {
    it(`is whole where it is ${what}`, () => {
      const json = make();
      assert.deepEqual(assemble(json), { kind: 'complete', json });
    });
  }

  for (const [what, part] of Object.entries(LARGE)) {
    it(`takes a bounded amount of memory: ${what}`, () => {
      let json = '';
      for (let count = 2 ** 19; ; count += 2 ** 19) {
        const more = `[${many(count, () => part)}]`;
        if (assemble(more).kind === 'dropped') break;
        json = more;
      }
      collectGarbage();
      const before = process.memoryUsage().heapUsed;
      const parsed = JSON.parse(json) as unknown[];
      collectGarbage();
      const bytes = process.memoryUsage().heapUsed - before;
      assert.ok(parsed.length > 0 && bytes < 256 * MB, `${bytes} bytes of ${json.length} characters`);
    });
  }

  it('is judged alike however it is cut, within an escaped quote too', () => {
    const text = JSON.stringify({ 'a"\\"b': ['\\', '"', '\\"', ', [', '{"'], n: [1, 2, [[]]] });
    const heavy = `[${many(3, () => text)},{${many(600_000, (i) => `"\\"${i}\\\\":1`)}}]`;
    for (const length of [7, 64, 1_000]) assert.equal(assemble(heavy, length).kind, 'dropped', `${length}`);
    for (let length = 1; length < 20; length += 1) assert.equal(assemble(text, length).kind, 'complete', `${length}`);
  });
});
