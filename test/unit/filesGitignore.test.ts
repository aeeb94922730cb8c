import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { GitignoreRules, MAX_MATCH_STEPS, TooCostly } from '../../src/session/folder-copy/gitignore-rules';

const rulesOf = (text: string | Buffer, ignoreCase = false) => new GitignoreRules(Buffer.from(text), ignoreCase);

describe('the rules of a .gitignore', () => {
  let repository: string;
  before(() => {
    repository = mkdtempSync(join(tmpdir(), 'gitignore-'));
    execFileSync('git', ['init', '-q'], { cwd: repository });
  });
  after(() => {
    rmSync(repository, { recursive: true, force: true });
  });

  /**
   * Returns for each path whether git ignores it; undefined if no rule matches. A path that ends with a slash is a
   * folder.
   */
  function git(rules: string | Buffer, paths: readonly string[], ignoreCase: boolean): (boolean | undefined)[] {
    writeFileSync(join(repository, '.gitignore'), rules);
    const args = [
      '-c',
      `core.ignoreCase=${ignoreCase}`,
      '-c',
      'core.excludesFile=/dev/null',
      'check-ignore',
      '--no-index',
      '--verbose',
      '--non-matching',
      '-z',
      '--stdin',
    ];
    let output: string;
    try {
      output = execFileSync('git', args, {
        cwd: repository,
        input: paths.map((path) => `./${path.replace(/\/$/, '')}\0`).join(''),
        encoding: 'utf8',
        stdio: ['pipe', 'pipe', 'pipe'],
        env: { PATH: process.env['PATH'], HOME: repository },
      });
    } catch (error) {
      // Exit code 1: no path matches.
      const { status, stdout } = error as { status: number; stdout: string };
      if (status !== 1) {
        throw error;
      }
      output = stdout;
    }
    const fields = output.split('\0');
    return paths.map((_, i) => {
      const pattern = fields[4 * i + 2] ?? '';
      return fields[4 * i] === '' ? undefined : !pattern.startsWith('!');
    });
  }

  /** Checks a path as git does: its folders first, because nothing in an ignored folder can be included again. */
  function ours(rules: GitignoreRules, path: string): boolean | undefined {
    const isFolder = path.endsWith('/');
    const parts = path.replace(/\/$/, '').split('/');
    for (let depth = 1; depth < parts.length; depth += 1) {
      if (rules.ignores(parts.slice(0, depth).join('/'), true, { left: MAX_MATCH_STEPS }) === true) {
        return true;
      }
    }
    return rules.ignores(parts.join('/'), isFolder, { left: MAX_MATCH_STEPS });
  }

  /**
   * Asserts that our rules and git agree. Git checks the file system for folders, so they are created, and no file may
   * be in their way.
   */
  const agree = (rules: string | Buffer, all: readonly string[], ignoreCase = false): void => {
    for (const name of readdirSync(repository)) {
      if (name !== '.git') {
        rmSync(join(repository, name), { recursive: true });
      }
    }
    const folders = new Set(
      all
        .filter((path) => path.endsWith('/'))
        .flatMap((path) =>
          path
            .slice(0, -1)
            .split('/')
            .map((_, i, parts) => parts.slice(0, i + 1).join('/')),
        ),
    );
    const paths = all.filter((path) => path.endsWith('/') || !folders.has(path));
    for (const folder of folders) {
      mkdirSync(join(repository, folder), { recursive: true });
    }
    const read = rulesOf(rules, ignoreCase);
    assert.deepEqual(
      paths.map((path) => [path, ours(read, path)]),
      git(rules, paths, ignoreCase).map((said, i) => [paths[i], said]),
      JSON.stringify(String(rules)),
    );
  };

  it('match as in git, for patterns that people write', () => {
    const PATHS = [
      'a',
      'a/',
      'b.log',
      'sub/b.log',
      'sub/b.log/',
      'build/',
      'build/x',
      'sub/build/',
      'sub/build/x',
      'doc/frotz/',
      'a/doc/frotz/',
      'foo/bar',
      'foo/x/bar',
      'foo/x/y/bar',
      'foobar',
      'fooxbar',
      'foox/bar',
      '#x',
      '!x',
      ' x',
      'x ',
      'x\\',
      'data/keep.csv',
      'data/drop.csv',
      '[ab]',
      'a]',
      'é',
      'ab',
      'aé',
      '.env',
      '.env.local',
      '__pycache__/',
      'x.pyc',
      'x.PYC',
      'A.LOG',
      'tab\t',
      'a-b',
      '-',
      ']',
      '^',
      'Ä',
      'ä',
    ];
    for (const rules of [
      'a',
      'a/',
      '/a',
      '*.log',
      'build/',
      '/build',
      'doc/frotz',
      'doc/frotz/',
      'foo/*',
      'foo/**',
      '**/bar',
      'foo/**/bar',
      'foo**/bar',
      'foo/**bar',
      '**',
      '*',
      '*/',
      '/*\n!/data\n',
      '/*/\n!/foo/',
      'data/*\n!data/keep.csv',
      '\\#x',
      '\\!x',
      '#x',
      '!x',
      'x ',
      'x\\ ',
      'x\\',
      'x\\\\',
      ' x',
      '\\ x',
      '[ab]',
      '[!a]',
      '[^a]',
      '[]]',
      '[]-]',
      '[a-]',
      '[a',
      '[a-c',
      '[[:alpha:]]',
      '[[:nope:]]',
      '[[:digit:][:punct:]]',
      '[\\]]',
      '[!]a-]',
      '?',
      '??',
      '???',
      'é',
      '*é',
      '.env*',
      '__pycache__/',
      '*.py[cod]',
      '\ufeffa',
      'a\r\nb.log\r\n',
      'tab\t',
      '***/bar',
      '/',
      '//',
      '//a',
      'a//',
      '!',
      '!/',
      'foo/***/bar',
      '**/',
      '**/**/bar',
      'foo\\/bar',
      '**\\/bar',
      '[a/]',
      'foo[/]bar',
      'foo?bar',
      'a\0b',
      '[--0]',
      '[a\\-c]',
      '[c-a]',
      '[!-a]',
    ]) {
      agree(rules, PATHS);
    }
    for (const rules of ['*.LOG', 'A', '[A-C]', '[[:upper:]]', 'Ä', 'É', '*.pyc', 'FOO/**/BAR']) {
      agree(rules, PATHS, true);
    }
  });

  it('match as in git, for random patterns', function () {
    this.timeout(120_000);
    const character = fc.constantFrom(
      'a',
      'b',
      '-',
      '.',
      '*',
      '*',
      '**',
      '?',
      '/',
      '/',
      '/**/',
      '[',
      ']',
      '[ab]',
      '[!a]',
      '[a-b]',
      '\\',
      '!',
      '#',
      ' ',
      'é',
    );
    const line = fc.array(character, { maxLength: 7 }).map((parts) => parts.join(''));
    const name = fc
      .array(fc.constantFrom('a', 'b', '-', '.a', 'é', ' ', '!', '#', ']'), { minLength: 1, maxLength: 3 })
      .map((parts) => parts.join(''));
    const path = fc
      .tuple(fc.array(name, { minLength: 1, maxLength: 4 }), fc.boolean())
      .map(([names, isFolder]) => names.join('/') + (isFolder ? '/' : ''));
    fc.assert(
      fc.property(
        fc.array(line, { minLength: 1, maxLength: 4 }),
        fc.uniqueArray(path, { minLength: 40, maxLength: 60 }),
        (lines, paths) => {
          agree(lines.join('\n'), paths);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('are matched in bounded time, whatever the patterns are', () => {
    const before = process.cpuUsage();
    const path = `${'a/'.repeat(500)}b`;
    for (const pattern of [
      '**/'.repeat(300),
      `${'a/**/'.repeat(400)}c`,
      `${'*a'.repeat(100)}c`,
      `${'**/*a*/'.repeat(200)}x`,
      `${'[a-z]*'.repeat(500)}?c`,
    ]) {
      assert.equal(rulesOf(pattern).ignores(path, false, { left: MAX_MATCH_STEPS }), undefined);
      assert.notEqual(rulesOf(pattern).ignores('a'.repeat(255), false, { left: MAX_MATCH_STEPS }), true);
    }
    const costly = rulesOf(`${'**/*a*/'.repeat(140)}x\n`.repeat(250));
    assert.throws(() => costly.ignores(path, false, { left: MAX_MATCH_STEPS }), TooCostly);
    const { user, system } = process.cpuUsage(before);
    assert.ok((user + system) / 1000 < 5_000, `${(user + system) / 1000} ms`);
  });
});
