import assert from 'node:assert/strict';
import { ChunkAssembler, type Assembled } from '../../src/protocol/chunks';
import { CHUNK_BYTES } from '../../src/protocol/messages';

const MB = 2 ** 20;
const many = (count: number, part: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => part(i)).join(',');

/** Texts with which a sandbox may try to block the window. Each is as long as an output may be by default. */
const HOSTILE: Readonly<Record<string, () => string>> = {
  'names that are all others, in one object': () => `{${many(900_000, (i) => `"k${i}":1`)}}`,
  'names that are all others, in an object each': () => `[${many(700_000, (i) => `{"k${i}":1}`)}]`,
  'names with spaces behind them': () => `[${many(700_000, (i) => `{"k${i}" :1}`)}]`,
  'lists within lists': () => '['.repeat(5 * MB) + ']'.repeat(5 * MB),
  'strings that are all others': () => `[${many(1_000_000, (i) => `"s${i}"`)}]`,
};
/** Texts that libraries send. */
const HONEST: Readonly<Record<string, () => string>> = {
  'a picture': () => JSON.stringify({ data: { 'image/png': 'iVBORw0KGgo'.repeat((40 * MB) / 11) } }),
  'a page with many quotes and backslashes': () =>
    JSON.stringify({ data: { 'text/html': '<td class="a\\b">1,2</td>'.repeat((10 * MB) / 24) } }),
  'the points of a plot': () => JSON.stringify({ x: Array.from({ length: 500_000 }, (_, i) => i / 7) }),
  'the rows of a table': () =>
    JSON.stringify(
      Array.from({ length: 100_000 }, (_, i) => ({ time: i, value: i / 3, name: i % 2 === 0 ? 'even' : 'odd' })),
    ),
};

describe('a message that arrives in pieces', () => {
  /** Cuts the text as the runner does by default. */
  function assemble(json: string, pieceLength = CHUNK_BYTES): Assembled {
    const chunks = new ChunkAssembler();
    let last: Assembled = { kind: 'partial' };
    for (let at = 0, i = 0; last.kind === 'partial'; at += pieceLength, i += 1) {
      last = chunks.add('main/1/x', {
        id: 'x',
        i,
        last: at + pieceLength >= json.length,
        data: json.slice(at, at + pieceLength),
      });
    }
    return last;
  }

  for (const [what, make] of Object.entries(HOSTILE)) {
    it(`is left out if it would take long to parse: ${what}`, () => {
      assert.deepEqual(assemble(make()), { kind: 'dropped', reason: 'a message of too many parts' });
    });
  }

  for (const [what, make] of Object.entries(HONEST)) {
    it(`is complete if it is ${what}`, () => {
      const json = make();
      assert.deepEqual(assemble(json), { kind: 'complete', json });
    });
  }

  it('gets the same estimate wherever it is cut, even within an escaped quote', () => {
    const text = JSON.stringify({ 'a"\\"b': ['\\', '"', '\\"', ', [', '{"'], n: [1, 2, [[]]] });
    const heavy = `[${many(3, () => text)},{${many(150_000, (i) => `"\\"${i}\\\\":1`)}}]`;
    for (const length of [7, 64, 1_000]) {
      assert.equal(assemble(heavy, length).kind, 'dropped', `${length}`);
    }
    for (let length = 1; length < 20; length += 1) {
      assert.equal(assemble(text, length).kind, 'complete', `${length}`);
    }
  });
});
