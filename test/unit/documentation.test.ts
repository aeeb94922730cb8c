import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { FAILURE_CODES } from '../../src/protocol/errors';

const ROOT = path.resolve(__dirname, '../../..');
const read = (file: string): string => readFileSync(path.join(ROOT, file), 'utf8');
const folders = (under: string): string[] =>
  readdirSync(path.join(ROOT, under), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('__'))
    .map(({ name }) => name)
    .sort();

/** The pages for users and contributors, relative to the root. */
const PAGES = [
  'README.md',
  'SECURITY.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...readdirSync(path.join(ROOT, 'docs')).map((name) => `docs/${name}`),
];
/** Pages in the folder of the code that they describe. */
const MAPS = ['src/protocol/README.md', 'runner/README.md', 'bench/README.md', 'test/conformance/README.md'];

/** Text without fenced code blocks. */
const prose = (file: string): string => read(file).replace(/^```[^]*?^```/gm, '');

/** The targets of all Markdown links and images of a page. */
const linksOf = (file: string): string[] =>
  [
    ...prose(file)
      .replace(/`[^`\n]*`/g, '``')
      .matchAll(/\]\(([^)\s]+)\)/g),
  ].map(([, target = '']) => target);

/** The anchors of a page's headings, as GitHub and VS Code make them. */
function anchorsOf(file: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of prose(file).matchAll(/^#{1,6} (.+)$/gm)) {
    const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1');
    const slug = text
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-');
    let anchor = slug;
    for (let count = 1; anchors.has(anchor); count += 1) {
      anchor = `${slug}-${count}`;
    }
    anchors.add(anchor);
  }
  return anchors;
}

/** The cells of the rows of a page's tables whose first cell matches. */
const rowsOf = (text: string, first: RegExp): string[][] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('| '))
    .map((line) => line.slice(2, -2).split(' | '))
    .filter(([cell = '']) => first.test(cell));

describe('the links of the documentation', () => {
  for (const file of [...PAGES, ...MAPS]) {
    it(`lead to existing targets in ${file}`, () => {
      for (const link of linksOf(file)) {
        if (/^https?:/.test(link)) {
          continue;
        }
        const [target = '', anchor] = link.split('#');
        const found = path.posix.join(path.posix.dirname(file), target === '' ? path.posix.basename(file) : target);
        assert.ok(!found.startsWith('..') && existsSync(path.join(ROOT, found)), link);
        if (anchor !== undefined) {
          assert.ok(anchorsOf(found).has(anchor), link);
        }
      }
    });
  }

  it('lead from README.md to every page', () => {
    const reached = new Set(linksOf('README.md').map((link) => link.split('#')[0]));
    for (const file of PAGES.filter((page) => page !== 'README.md')) {
      assert.ok(reached.has(file), file);
    }
  });
});

describe('README.md', () => {
  it('has at most 150 lines', () => {
    assert.ok(read('README.md').trimEnd().split('\n').length <= 150);
  });

  it('names failures that exist', () => {
    const python = ['FileNotFoundError'];
    const names = rowsOf(read('README.md'), /^`[A-Z]\w+`$/).map(([cell = '']) => cell.replaceAll('`', ''));
    assert.ok(names.length > 5);
    assert.deepEqual(
      names.filter((name) => !python.includes(name) && !FAILURE_CODES.some((code) => code === name)),
      [],
    );
  });
});

describe('settings in the documentation', () => {
  interface Property {
    default: unknown;
    scope: string;
    order: number;
    markdownDescription: string;
    enum?: string[];
    minimum?: number;
    maximum?: number;
  }
  const texts = JSON.parse(read('package.nls.json')) as Record<string, string>;
  const text = (key: string): string => texts[key.replaceAll('%', '')] ?? '';
  const { contributes } = JSON.parse(read('package.json')) as {
    contributes: { configuration: { title: string; properties: Record<string, Property> }[] };
  };
  const properties = new Map(contributes.configuration.flatMap((section) => Object.entries(section.properties)));
  const defaultOf = ({ default: value }: Property): string =>
    Array.isArray(value) ? value.join(', ') : value === '' ? 'empty' : String(value);
  const plain = (cell: string): string => cell.replaceAll('`', '');
  const page = read('docs/settings.md');

  it('are listed in the sections and in the order of the settings editor', () => {
    for (const { title, properties: own } of contributes.configuration) {
      const section = page.split(/^## /m).find((part) => part.startsWith(`${text(title)}\n`)) ?? '';
      assert.deepEqual(
        rowsOf(section, /^`sandboxedIPython\./).map(([name = '']) => plain(name)),
        Object.entries(own)
          .sort(([, a], [, b]) => a.order - b.order)
          .map(([name]) => name),
      );
    }
    assert.equal(rowsOf(page, /^`sandboxedIPython\./).length, properties.size);
  });

  for (const [name = '', fallback = '', allowed = '', effect = '', workspace = ''] of rowsOf(
    page,
    /^`sandboxedIPython\./,
  )) {
    it(`${plain(name)} has its default, its bounds, when it takes effect and what a workspace may do`, () => {
      const property = properties.get(plain(name));
      assert.ok(property);
      const expected = defaultOf(property);
      assert.ok(expected === 'empty' ? fallback.startsWith('empty: ') : plain(fallback) === expected, fallback);
      for (const bound of [property.minimum, property.maximum]) {
        assert.ok(bound === undefined || allowed.includes(bound.toLocaleString('en-US')), allowed);
      }
      if (property.enum !== undefined) {
        assert.equal(plain(allowed), property.enum.join(', '));
      }
      const [, next = 'at once'] =
        /Takes effect (?:with the )?(next \w+)/.exec(text(property.markdownDescription)) ?? [];
      assert.ok(effect.startsWith(next), `${effect}, ${next}`);
      const isChosen = /\.(resetFiles|historySize)`$/.test(name);
      assert.equal(workspace, property.scope === 'machine' ? 'no' : isChosen ? 'choose' : 'tighten');
    });
  }

  it('have the same defaults in README.md', () => {
    const rows = rowsOf(read('README.md'), /^`sandboxedIPython\./);
    assert.ok(rows.length > 5);
    for (const [name = '', fallback = ''] of rows) {
      const property = properties.get(plain(name));
      assert.ok(property, name);
      const expected = defaultOf(property);
      assert.ok(expected === 'empty' || plain(fallback) === expected, `${name}: ${fallback}`);
    }
  });

  it('exist wherever a page names one', () => {
    for (const file of PAGES) {
      for (const [name] of read(file).matchAll(/\bsandboxedIPython\.\w+/g)) {
        assert.ok(properties.has(name), `${file}: ${name}`);
      }
    }
  });
});

describe('CONTRIBUTING.md', () => {
  const page = read('CONTRIBUTING.md');

  it('has a row for every folder of src/ and for the runner', () => {
    const rooms = rowsOf(page, /^`(src\/|runner\/)/).flatMap(([cell = '']) =>
      [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
    );
    for (const room of rooms) {
      assert.ok(existsSync(path.join(ROOT, room)), room);
    }
    assert.deepEqual(
      rooms
        .filter((room) => /^src\/\w+\/$/.test(room))
        .map((room) => room.slice('src/'.length, -1))
        .sort(),
      folders('src'),
    );
  });

  it('has a row for every folder of test/', () => {
    const suites = rowsOf(page, /^`\w+`$/).map(([cell = '']) => cell.replaceAll('`', ''));
    assert.deepEqual(
      suites.sort(),
      folders('test').filter((name) => !['support', 'screenshots'].includes(name)),
    );
  });

  it('names npm scripts that exist', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    for (const file of PAGES) {
      for (const [, name = ''] of read(file).matchAll(/\bnpm run ([\w:]+)/g)) {
        assert.ok(name in scripts, `${file}: ${name}`);
      }
    }
  });

  it('names files that exist', () => {
    for (const file of PAGES.filter((name) => name !== 'CHANGELOG.md')) {
      for (const [, name = ''] of prose(file).matchAll(/`((?:src|scripts|runner|test|examples|\.ci)\/[\w./-]+)`/g)) {
        assert.ok(existsSync(path.join(ROOT, name)) && statSync(path.join(ROOT, name)).size > 0, `${file}: ${name}`);
      }
    }
  });
});
