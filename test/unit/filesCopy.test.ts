import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SandboxFile } from '../../src/engine/engine';
import { silentLog } from '../../src/log';
import { SandboxError, isSandboxError } from '../../src/protocol/errors';
import { boundsOf } from '../../src/session/folder-copy/bounds';
import { FolderCopier } from '../../src/session/folder-copy/folder-copier';
import type { HostFiles } from '../../src/session/folder-copy/host-files';
import { NodeFiles } from '../../src/session/folder-copy/node-files';

describe('the copy of a folder', () => {
  let folder: string;
  let copy: FolderCopier;
  let logged: string[];
  /** The files of each transfer; a withdrawn file is undefined. */
  let sends: Record<string, string | undefined>[];
  let answer: (files: readonly SandboxFile[]) => Map<number, string>;
  const bounds = boundsOf(2 ** 30);
  const goOn = new AbortController().signal;

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'copy-'));
    sends = [];
    logged = [];
    answer = () => new Map();
    const log = {
      ...silentLog,
      info: (line: string) => {
        logged.push(line);
      },
      warn: (line: string) => {
        logged.push(line);
      },
    };
    copy = new FolderCopier({
      files: await NodeFiles.of(folder),
      notebook: 'book.ipynb',
      into: '',
      log,
      put: async (files) => {
        const sent: Record<string, string | undefined> = {};
        for (const { path, content } of files) {
          sent[path] = content ? await read(content) : '/';
        }
        sends.push(sent);
        return answer(files);
      },
    });
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  const read = async (content: () => AsyncIterable<Buffer>): Promise<string | undefined> => {
    const pieces: Buffer[] = [];
    try {
      for await (const piece of content()) {
        pieces.push(piece);
      }
      return Buffer.concat(pieces).toString();
    } catch {
      return undefined;
    }
  };
  const write = (name: string, content: string) => {
    writeFileSync(join(folder, name), content);
  };

  it('sends everything once, and afterwards only new or changed files, without a request if there are none', async () => {
    write('a', '1');
    mkdirSync(join(folder, 'sub'));
    write('sub/b', '2');
    assert.equal(await copy.copyChanges(bounds, goOn), undefined);
    assert.equal(await copy.copyChanges(bounds, goOn), undefined);
    write('a', '3'); // the size stays the same
    write('c', '');
    unlinkSync(join(folder, 'sub/b'));
    await copy.copyChanges(bounds, goOn);
    assert.deepEqual(sends, [
      { a: '1', sub: '/', 'sub/b': '2' },
      { a: '3', c: '' },
    ]);
  });

  it('is sent to a folder of the sandbox, and its files are known by their paths in the project', async () => {
    write('a', '1');
    write('.env', 'x');
    mkdirSync(join(folder, 'sub'));
    copy = new FolderCopier({
      files: await NodeFiles.of(folder),
      notebook: 'sub/book.ipynb',
      into: 'proj',
      log: silentLog,
      put: (files) => {
        sends.push(Object.fromEntries(files.map(({ path }) => [path, ''])));
        return Promise.resolve(new Map());
      },
    });
    assert.equal(await copy.copyChanges(bounds, goOn), undefined);
    assert.deepEqual(
      [sends, copy.has('a'), copy.whyNot('.env')?.reason],
      [[{ 'proj/sub': '', 'proj/a': '' }], true, 'hidden'],
    );
  });

  it("is limited to the notebook's folder if that is requested", async () => {
    write('a', '1');
    mkdirSync(join(folder, 'sub'));
    write('sub/b', '1');
    copy = new FolderCopier({
      files: await NodeFiles.of(folder),
      notebook: 'sub/book.ipynb',
      into: 'proj',
      log: silentLog,
      put: (files) => {
        sends.push(Object.fromEntries(files.map(({ path }) => [path, ''])));
        return Promise.resolve(new Map());
      },
    });
    await copy.copyChanges(bounds, goOn, { folderOnly: true });
    await copy.copyChanges(bounds, goOn);
    assert.deepEqual(sends, [{ 'proj/sub': '', 'proj/sub/b': '' }, { 'proj/a': '' }]);
  });

  it('withdraws a private key that only its content shows, and only logs it, once', async () => {
    write('deploy', '-----BEGIN OPENSSH PRIVATE KEY-----\nx');
    write('a', '1');
    assert.equal(await copy.copyChanges(bounds, goOn), undefined);
    await copy.copyChanges(bounds, goOn);
    assert.deepEqual(sends, [{ a: '1', deploy: undefined }]);
    assert.deepEqual(
      logged.filter((line) => line.includes('deploy')),
      ['folder: not in the sandbox, keys and credentials: "deploy"'],
    );
  });

  it('reports files without room in the sandbox, and sends them again only when they have changed or on request', async () => {
    write('a', '1');
    answer = () => new Map([[0, 'ENOSPC']]);
    assert.deepEqual(await copy.copyChanges(bounds, goOn), { count: 1, first: { path: 'a', reason: 'full', size: 1 } });
    assert.equal((await copy.copyChanges(bounds, goOn))?.count, 1);
    assert.equal(sends.length, 1);
    answer = () => new Map();
    copy.retry();
    assert.equal(await copy.copyChanges(bounds, goOn), undefined);
    assert.equal(sends.length, 2);
  });

  it('leaves nothing when it is cancelled: the next one starts from the beginning', async () => {
    write('a', '1');
    await assert.rejects(copy.copyChanges(bounds, AbortSignal.abort()), (error) => isSandboxError(error, 'Cancelled'));
    await copy.copyChanges(bounds, goOn);
    assert.deepEqual(sends, [{ a: '1' }]);
  });

  it('copies more when the bounds have grown', async () => {
    write('a', '123');
    assert.deepEqual(await copy.copyChanges({ ...bounds, maxFileBytes: 2 }, goOn), {
      count: 1,
      first: { path: 'a', reason: 'tooLarge', size: 3 },
    });
    assert.equal(await copy.copyChanges(bounds, goOn), undefined);
    assert.deepEqual(sends, [{ a: '123' }]);
  });

  it('reports an engine that does not answer in plain words', async () => {
    write('a', '1');
    answer = () => {
      throw new SandboxError('EngineSilent', { endpoint: 'unix:///x', request: 'create exec', timeout: 15 });
    };
    await assert.rejects(
      copy.copyChanges(bounds, goOn),
      (error) =>
        isSandboxError(error, 'FilesNotCopied') &&
        error.params['reason'] === 'the container engine gave no answer within 15 s',
    );
  });

  it('tells why a file, or a folder that contains it, was left out', async () => {
    mkdirSync(join(folder, 'data'));
    for (const name of ['data/x.csv', '.env', 'a', 'big']) {
      write(name, name.padEnd(name === 'big' ? 10 : 1));
    }
    write('.gitignore', 'data/\n');
    await copy.copyChanges({ ...bounds, maxFileBytes: 4 }, goOn);
    assert.deepEqual(
      ['data/x.csv', 'data', 'database', '.env', 'a', 'none', 'big'].map((path) => copy.whyNot(path)?.reason),
      ['ignored', 'ignored', undefined, 'hidden', undefined, undefined, 'tooLarge'],
    );
    assert.deepEqual(
      copy.missing.map(({ path }) => path),
      ['big'],
    );
  });

  it('of a slow folder has the files that were read in time, reports it, and reads the folder again only after a pause or on request', async () => {
    write('a', '1');
    mkdirSync(join(folder, 'sub'));
    const real = await NodeFiles.of(folder);
    let looks = 0;
    const slow: HostFiles = {
      name: real.name,
      parent: () => undefined,
      stat: (path) => real.stat(path),
      read: (path, seen) => real.read(path, seen),
      list: async (path, most) => {
        looks += 1;
        await sleep(420);
        return real.list(path, most);
      },
    };
    copy = new FolderCopier({
      files: slow,
      notebook: 'book.ipynb',
      into: '',
      log: silentLog,
      waits: { look: 400, rest: 60_000 },
      put: (files) => {
        sends.push(Object.fromEntries(files.map(({ path }) => [path, ''])));
        return Promise.resolve(new Map());
      },
    });
    assert.equal(await copy.copyChanges(bounds, goOn, { limit: 0 }), undefined);
    assert.deepEqual(sends, [], 'larger than the limit, which counts as no read');
    const lack = await copy.copyChanges(bounds, goOn);
    assert.deepEqual([lack, sends], [{ count: 1, first: { path: 'sub', reason: 'slow' } }, [{ a: '' }]]);
    const before = looks;
    assert.deepEqual(await copy.copyChanges(bounds, goOn), lack, 'whoever asked before may not have reported it');
    assert.equal(looks, before);
    copy.retry();
    await copy.copyChanges(bounds, goOn);
    assert.ok(looks > before);
  });

  it('fails once with its reason, and not before every cell', async () => {
    write('a', '1');
    answer = () => {
      throw new Error('the engine fell over');
    };
    await assert.rejects(
      copy.copyChanges(bounds, goOn),
      (error) => isSandboxError(error, 'FilesNotCopied') && error.params['reason'] === 'the engine fell over',
    );
    answer = () => new Map();
    assert.equal((await copy.copyChanges(bounds, goOn))?.count, 1);
    assert.equal(sends.length, 1);
  });

  it('of a folder on a drive that does not answer is abandoned in time, and no second read hangs beside the first', async () => {
    const real = await NodeFiles.of(folder);
    let looks = 0;
    let answers: (listed: { entries: []; complete: boolean }) => void = () => undefined;
    const hung: HostFiles = {
      name: real.name,
      parent: () => undefined,
      stat: (path) => real.stat(path),
      read: (path, seen) => real.read(path, seen),
      list: () => {
        looks += 1;
        return new Promise((resolve) => {
          answers = resolve;
        });
      },
    };
    copy = new FolderCopier({
      files: hung,
      notebook: 'book.ipynb',
      into: '',
      log: silentLog,
      waits: { look: 100, rest: 60_000 },
      put: () => Promise.resolve(new Map()),
    });
    const isLate = (error: unknown) =>
      isSandboxError(error, 'FilesNotCopied') && /in time/.test(String(error.params['reason']));
    await assert.rejects(copy.copyChanges(bounds, goOn), isLate);
    copy.retry();
    const began = performance.now();
    await assert.rejects(copy.copyChanges(bounds, goOn), isLate);
    assert.ok(performance.now() - began < 150, 'not waited for again');
    assert.equal(looks, 1);
    answers({ entries: [], complete: true });
    await sleep(10);
    copy.retry();
    answers = () => undefined;
    const third = copy.copyChanges(bounds, goOn);
    await sleep(10);
    answers({ entries: [], complete: true });
    assert.equal(await third, undefined);
  });

  it('that the sandbox took only in part counts as not sent, and is sent again after a pause', async () => {
    write('a', '1');
    let isDown = true;
    const put = (files: readonly SandboxFile[]) => {
      sends.push(Object.fromEntries(files.map(({ path }) => [path, ''])));
      return isDown
        ? Promise.reject(new SandboxError('FilesNotCopied', { reason: 'nothing more was taken within 20 s' }))
        : Promise.resolve(new Map<number, string>());
    };
    copy = new FolderCopier({
      files: await NodeFiles.of(folder),
      notebook: 'book.ipynb',
      into: '',
      log: silentLog,
      waits: { look: 5_000, rest: 200 },
      put,
    });
    await assert.rejects(copy.copyChanges(bounds, goOn), (error) => isSandboxError(error, 'FilesNotCopied'));
    assert.equal(copy.has('a'), false);
    isDown = false;
    await sleep(250);
    assert.equal(await copy.copyChanges(bounds, goOn), undefined);
    assert.deepEqual([copy.has('a'), sends], [true, [{ a: '' }, { a: '' }]]);
  });
});
