import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { needed } from '../support/needed';

const ROOT = path.resolve(__dirname, '../../..');
const MB = 1_000_000;

describe('the VSIX', () => {
  const file = needed('SANDBOXED_IPYTHON_VSIX');

  it('contains only the extension, the runner, their texts and their pictures', () => {
    const listed = execFileSync(
      'python3',
      ['-c', 'import sys, zipfile; print("\\n".join(zipfile.ZipFile(sys.argv[1]).namelist()))', file],
      { encoding: 'utf8' },
    )
      .trim()
      .split('\n');
    const under = (folder: string, wanted: RegExp): string[] =>
      readdirSync(path.join(ROOT, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => wanted.test(name))
        .map((name) => `extension/${folder}/${name}`);
    assert.deepEqual(
      listed.sort(),
      [
        '[Content_Types].xml',
        'extension.vsixmanifest',
        'extension/LICENSE.txt',
        'extension/changelog.md',
        'extension/package.json',
        'extension/package.nls.json',
        'extension/readme.md',
        'extension/dist/dockerode.js',
        'extension/dist/mcp.js',
        'extension/dist/extension.js',
        ...under('runner', /\.py$/),
        ...under('media', /\.\w+$/),
      ].sort(),
    );
  });

  it('is at most 1 MB in size', () => {
    const { size } = statSync(file);
    assert.ok(size <= MB, `${size} bytes`);
  });
});
