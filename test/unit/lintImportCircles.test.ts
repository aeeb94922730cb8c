import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Linter, type Rule } from 'eslint';
import tseslint from 'typescript-eslint';

const MODULE = path.resolve(__dirname, '../../../scripts/lib/lint-import-circles.mjs');

describe('the lint rule against circles of imports', () => {
  let folder: string;
  let noImportCircle: Rule.RuleModule;

  before(async () => {
    ({ noImportCircle } = (await import(pathToFileURL(MODULE).href)) as { noImportCircle: Rule.RuleModule });
  });
  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'imports-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  /** Writes these files and returns what the rule reports about `a.ts`. */
  function complaints(files: Record<string, string>): string[] {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
      writeFileSync(path.join(folder, name), text);
    }
    return new Linter({ configType: 'flat', cwd: folder })
      .verify(
        files['a.ts'] ?? '',
        [
          {
            files: ['**/*.ts'],
            languageOptions: { parser: tseslint.parser },
            plugins: { imports: { rules: { 'no-circle': noImportCircle } } },
            rules: { 'imports/no-circle': 'error' },
          },
        ],
        path.join(folder, 'a.ts'),
      )
      .map(({ message }) => message);
  }

  it('names the files of a circle', () => {
    assert.deepEqual(
      complaints({
        'a.ts': "import { b } from './b/b';\n",
        'b/b.ts': "import {\n  c,\n  d,\n} from '../c';\n",
        'c/index.ts': "export * from '../a';\n",
      }),
      ['Circle of imports: a.ts → b/b.ts → c/index.ts → a.ts'],
    );
  });

  it('also finds a circle of types', () => {
    assert.deepEqual(
      complaints({ 'a.ts': "import type { B } from './b';\n", 'b.ts': "import type { A } from './a';\n" }),
      ['Circle of imports: a.ts → b.ts → a.ts'],
    );
  });

  it('accepts files that share an import, and packages', () => {
    assert.deepEqual(
      complaints({
        'a.ts': "import path from 'node:path';\nimport { b } from './b';\nimport { c } from './c';\n",
        'b.ts': "import { c } from './c';\n",
        'c.ts': "import vscode from 'vscode';\n",
      }),
      [],
    );
  });
});
