import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.resolve(__dirname, '../../..');
const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');
const section = (text: string, title: string): string[] =>
  (text.split(/^## /m).find((one) => one.startsWith(title)) ?? '').split('\n');

describe('a phrase that no notebook of the corpus can show', () => {
  const rows = section(read('test/conformance/README.md'), 'Phrases that no notebook can show')
    .filter((line) => line.startsWith('| '))
    .slice(1);
  assert.ok(rows.length > 10);

  for (const row of rows) {
    const [phrase = '', tests = ''] = row.slice(2, -2).split(' | ');
    it(`${phrase}: has tests that exist`, () => {
      for (const test of tests.split(/; (?=`)/)) {
        const [, file = '', words = ''] = /^`(test\/[\w./]+)`: (.+)$/.exec(test) ?? [];
        assert.ok(
          words !== '' && existsSync(path.join(ROOT, file)) && read(file).replaceAll("\\'", "'").includes(words),
          test,
        );
      }
    });
  }
});

describe('the list of differences from ipykernel in docs/conformance.md', () => {
  const items = section(read('docs/conformance.md'), 'Differences in the corpus').filter((line) =>
    line.startsWith('- '),
  );
  const listed = (JSON.parse(read('test/conformance/differences.json')) as { listed: string }[]).map(
    ({ listed }) => listed,
  );

  it('has an item for each difference in the corpus, and no other item', () => {
    assert.deepEqual(
      listed.filter((words) => items.filter((item) => item.includes(words)).length !== 1),
      [],
    );
    assert.deepEqual(
      items.filter((item) => !listed.some((words) => item.includes(words))),
      [],
    );
  });
});
