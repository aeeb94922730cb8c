import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { ownerIn } from '../../src/notebook/sandbox/owner';

describe("the owner of an installation's sandboxes", function () {
  this.timeout(60_000);
  let folder: string;
  beforeEach(() => {
    folder = path.join(mkdtempSync(path.join(os.tmpdir(), 'owner-')), 'storage');
  });
  afterEach(() => {
    rmSync(path.dirname(folder), { recursive: true });
  });

  it('is the same for windows that are activated at the same time, and for later windows', async () => {
    const module = path.resolve(__dirname, '../../src/notebook/sandbox/owner.js');
    const program = `const { ownerIn } = require(${JSON.stringify(module)});
      Promise.all(Array.from({ length: 20 }, () => ownerIn(${JSON.stringify(folder)}))).then((all) => process.stdout.write([...new Set(all)].join()));`;
    const windows = await Promise.all(
      Array.from({ length: 4 }, () => promisify(execFile)(process.execPath, ['-e', program])),
    );
    const owners = new Set([...windows.map(({ stdout }) => stdout), await ownerIn(folder)]);
    assert.equal(owners.size, 1, [...owners].join('\n'));
    assert.match([...owners].join(), /^[0-9a-f-]{36}$/);
    assert.deepEqual(readdirSync(folder), ['owner']);
  });

  it('waits for a window that has created the file but not filled it, and replaces the file only if it stays empty', async () => {
    const first = await ownerIn(folder);
    const file = path.join(folder, 'owner');
    writeFileSync(file, '');
    setTimeout(() => writeFileSync(file, first), 200);
    assert.equal(await ownerIn(folder), first);
    writeFileSync(file, 'half an o');
    const next = await ownerIn(folder);
    assert.deepEqual([next === first, readFileSync(file, 'utf8'), await ownerIn(folder)], [false, next, next]);
  });

  it('is an error if the folder cannot be created', async () => {
    writeFileSync(folder, 'a file');
    await assert.rejects(ownerIn(folder), { code: 'ENOTDIR' });
  });
});
