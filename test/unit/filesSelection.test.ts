import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { linkSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { boundsOf, type Bounds } from '../../src/session/folder-copy/bounds';
import { Gitignore } from '../../src/session/folder-copy/gitignore';
import { FileChanged, type HostFiles } from '../../src/session/folder-copy/host-files';
import { isAbout, type Reason } from '../../src/session/folder-copy/left-out';
import { NodeFiles } from '../../src/session/folder-copy/node-files';
import { isKey } from '../../src/session/folder-copy/names';
import { select } from '../../src/session/folder-copy/selection';

const MB = 2 ** 20;
/** Each test has its own folder on a real disk. */
let top: string;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'selection-'));
});
afterEach(() => {
  rmSync(top, { recursive: true, force: true });
});

function put(files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(top, name)), { recursive: true });
    writeFileSync(join(top, name), content);
  }
}
async function choose({
  folder = '',
  notebook = 'book.ipynb',
  folderOnly = false,
  bounds = {},
}: { folder?: string; notebook?: string; folderOnly?: boolean; bounds?: Partial<Bounds> } = {}): Promise<{
  files: string[];
  left: Record<string, Reason>;
  count: number;
}> {
  const files = await NodeFiles.of(join(top, folder));
  const { items, leftOut } = await select({
    files,
    gitignore: new Gitignore(files),
    bounds: { ...boundsOf(1024 * MB), ...bounds },
    notebook,
    folderOnly,
  });
  return {
    files: items.map(({ path, file }) => (file ? path : `${path}/`)).sort(),
    count: leftOut.missingCount,
    left: Object.fromEntries([...leftOut.missing, ...leftOut.excluded].map(({ path, reason }) => [path, reason])),
  };
}

describe('the selection of files that are copied from a folder', () => {
  it('includes every file and folder, whatever its name, except the notebook itself', async () => {
    put({
      'book.ipynb': '{}',
      'other.ipynb': '{}',
      'data.csv': 'a',
      empty: '',
      'sub/deep/x.py': '1',
      'ünï cødé 🐍.txt': '1',
      'a\nb\t"\'$(c).txt': '1',
      '-rf': '1',
      'back\\slash': '1',
      'sub/book.ipynb': '{}',
    });
    mkdirSync(join(top, 'results'));
    const { files, left } = await choose();
    assert.deepEqual(
      files,
      [
        '-rf',
        'a\nb\t"\'$(c).txt',
        'back\\slash',
        'data.csv',
        'empty',
        'other.ipynb',
        'results/',
        'sub/',
        'sub/book.ipynb',
        'sub/deep/',
        'sub/deep/x.py',
        'ünï cødé 🐍.txt',
      ].sort(),
    );
    assert.deepEqual(left, { 'book.ipynb': 'notebook' });
  });

  const never: [Reason, string[]][] = [
    [
      'hidden',
      ['.env', '.env.local', '.netrc', '.git/config', '.ssh/id_rsa', '.interactive/x', '.DS_Store', 'sub/.hidden'],
    ],
    [
      'key',
      [
        'server.pem',
        'tls.key',
        'TLS.KEY',
        'a.p12',
        'a.pfx',
        'a.kdbx',
        'a.ppk',
        'a.gpg',
        'a.jks',
        'a.key.bak',
        'prod.env',
        'prod.env.local',
        'id_rsa',
        'id_ed25519.old',
        'sub/id_ecdsa',
        '_netrc',
        'credentials.json',
        'aws-credentials.csv',
        'credentials',
        'client_secret_1.apps.json',
        'service-account.json',
        'my_service_account.json',
        'secrets.yaml',
        'token.json',
        'api_key.txt',
        'kaggle.json',
        'x.tfvars',
        'kubeconfig.yaml',
        'wallet.dat',
      ],
    ],
    [
      'generated',
      [
        'node_modules/x/index.js',
        '__pycache__/x.pyc',
        'myenv/pyvenv.cfg',
        'conda/conda-meta/history',
        'sub/env/pyvenv.cfg',
      ],
    ],
  ];
  for (const [reason, names] of never) {
    it(`excludes files that are ${reason}, at any depth`, async () => {
      put({ 'kept.csv': '1', ...Object.fromEntries(names.map((name) => [name, '1'])) });
      const { files, left, count } = await choose();
      assert.deepEqual(
        files.filter((name) => !name.endsWith('/')),
        ['kept.csv'],
      );
      assert.deepEqual(
        Object.keys(left).filter((name) => left[name] !== reason),
        [],
      );
      assert.equal(count, 0, 'nobody needs a message about these');
      for (const name of names) {
        assert.ok(
          Object.keys(left).some((out) => name === out || name.startsWith(`${out}/`)),
          name,
        );
      }
    });
  }

  it('includes files whose names only resemble those of keys', async () => {
    const names = [
      'monkey.csv',
      'keys.csv',
      'environment.yml',
      'env.py',
      'tokens.csv',
      'secretary.json',
      'tokenizer.json',
      'passengers.csv',
      'id.csv',
      'credentialing.py',
      'venv.md',
    ];
    put(Object.fromEntries(names.map((name) => [name, '1'])));
    assert.deepEqual((await choose()).files, names.sort());
  });

  it("excludes what .gitignore files name: the folder's own, nested ones and those above up to the root of the repository, as in git", async () => {
    put({
      '.gitignore': 'never-read.csv\n',
      'repo/.gitignore': '*.secret\n/nb/top.csv\nbuild/\n!kept.secret\nnb/deep/only-here.txt\n',
      'repo/nb/.gitignore': '# comment\n\ndata/*\n!data/keep.csv\n/anchored.txt\n',
      'repo/nb/sub/.gitignore': '*.log\n!important.log\n!again.secret\n',
    });
    const names = [
      'a.secret',
      'kept.secret',
      'top.csv',
      'sub/top.csv',
      'build/x',
      'sub/build/x',
      'data/drop.csv',
      'data/keep.csv',
      'anchored.txt',
      'sub/anchored.txt',
      'sub/x.log',
      'sub/important.log',
      'x.log',
      'sub/again.secret',
      'deep/only-here.txt',
      'never-read.csv',
      '#comment',
      'ok.csv',
    ];
    put(Object.fromEntries(names.map((name) => [`repo/nb/${name}`, '1'])));
    execFileSync('git', ['init', '-q'], { cwd: join(top, 'repo') });
    const git = execFileSync('git', ['ls-files', '--others', '--exclude-standard', '-z'], {
      cwd: join(top, 'repo/nb'),
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], HOME: top },
    });
    const { files } = await choose({ folder: 'repo/nb' });
    assert.deepEqual(
      files.filter((name) => !name.endsWith('/')),
      git
        .split('\0')
        .filter((name) => name !== '' && !name.endsWith('.gitignore'))
        .sort(),
    );
    assert.ok(files.includes('sub/important.log') && !files.includes('a.secret'));
  });

  it('is empty for a folder that .gitignore names, and everything outside of a repository', async () => {
    put({ '.gitignore': 'scratch/\n*.csv\n', 'scratch/nb/x.txt': '1', 'scratch/nb/x.csv': '1' });
    assert.deepEqual((await choose({ folder: 'scratch/nb' })).files, ['x.csv', 'x.txt']);
    mkdirSync(join(top, '.git'));
    assert.deepEqual(await choose({ folder: 'scratch/nb' }), { files: [], left: { '': 'ignored' }, count: 0 });
  });

  it('excludes a folder whose .gitignore cannot be read, because that may name everything', async () => {
    put({ 'sub/x.csv': '1', 'sub/.gitignore': '#'.repeat(300_000), 'y.csv': '1' });
    const { files, left } = await choose();
    assert.deepEqual(
      files.filter((name) => name.endsWith('.csv')),
      ['y.csv'],
    );
    assert.equal(left['sub'], 'unreadable');
  });

  it('excludes what may match patterns that take too long to match', async () => {
    put({
      'sub/.gitignore': `${'[a-z]*'.repeat(120)}?\u0001\n`.repeat(350),
      [`sub/${'a'.repeat(250)}`]: '1',
      'sub/b': '1',
    });
    const before = process.cpuUsage();
    const { files, left, count } = await choose();
    const { user, system } = process.cpuUsage(before);
    assert.deepEqual(files, ['sub/', 'sub/b']);
    assert.deepEqual([left[`sub/${'a'.repeat(250)}`], count], ['rules', 1]);
    assert.ok((user + system) / 1000 < 3_000, `${(user + system) / 1000} ms`);
  });

  it('excludes links, pipes, sockets and devices; a hard link is a file', async () => {
    put({ 'real.csv': '1', 'folder/in.csv': '1' });
    for (const [name, target] of [
      ['out', '/etc/passwd'],
      ['up', '..'],
      ['loop', '.'],
      ['dangling', 'nowhere'],
      ['near', 'real.csv'],
      ['folder/back', '..'],
      ['root', '/'],
    ] as const) {
      symlinkSync(target, join(top, name));
    }
    linkSync(join(top, 'real.csv'), join(top, 'hard.csv'));
    execFileSync('mkfifo', [join(top, 'pipe')]);
    const server = createServer().listen(join(top, 'socket'));
    await once(server, 'listening');
    try {
      const { files, left } = await choose();
      assert.deepEqual(files, ['folder/', 'folder/in.csv', 'hard.csv', 'real.csv']);
      assert.deepEqual(left, {
        out: 'link',
        up: 'link',
        loop: 'link',
        dangling: 'link',
        near: 'link',
        'folder/back': 'link',
        root: 'link',
        pipe: 'special',
        socket: 'special',
      });
    } finally {
      server.close();
    }
  });

  it('is limited in the size of a file and of all files; the smallest files of a folder come first', async () => {
    put({
      'a-big': 'x'.repeat(65),
      'b-small': 'x'.repeat(10),
      'b-big': 'x'.repeat(60),
      'c-huge': 'x'.repeat(101),
      'sub/d': 'x'.repeat(20),
      'sub/e': 'x'.repeat(50),
    });
    const { files, left, count } = await choose({ bounds: { maxFileBytes: 100, maxTotalBytes: 100 } });
    assert.deepEqual(files, ['b-big', 'b-small', 'sub/', 'sub/d']);
    assert.deepEqual([left, count], [{ 'a-big': 'tooMuch', 'c-huge': 'tooLarge', 'sub/e': 'tooMuch' }, 3]);
  });

  it('is limited in the number of items; the deepest ones are left out first', async () => {
    put(Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`${'sub/'.repeat(i % 3)}f${i}`, ''])));
    const { files, left } = await choose({ bounds: { maxItems: 9 } });
    assert.deepEqual(
      files.filter((name) => !name.startsWith('sub/sub/')),
      ['f0', 'f3', 'f6', 'f9', 'sub/', 'sub/f1', 'sub/f10', 'sub/f4', 'sub/f7'].sort(),
    );
    assert.deepEqual(left, { 'sub/sub': 'tooMany' });
  });

  describe('of a project', () => {
    const notebook = 'nb/deep/book.ipynb';
    const order = async (files: readonly string[], options: Parameters<typeof choose>[0] = {}): Promise<string[]> => {
      put(Object.fromEntries(files.map((name) => [name, 'x'])));
      return (await choose({ notebook, ...options })).files;
    };

    it('includes the whole project except the notebook', async () => {
      const files = [
        'README.md',
        'book.ipynb',
        'data/x.csv',
        'nb/a.ipynb',
        'nb/deep/y.csv',
        'nb/deep/sub/z.csv',
        'nb/other/w.csv',
        'src/mod.py',
      ];
      assert.deepEqual(
        await order([...files, notebook]),
        [...files, 'data/', 'nb/', 'nb/deep/', 'nb/deep/sub/', 'nb/other/', 'src/'].sort(),
      );
    });

    it("begins with the notebook's folder and what is below it, continues with the rest of the folder above, and so on", async () => {
      put(
        Object.fromEntries(
          ['top', 'data/x', 'nb/a', 'nb/other/b', 'nb/deep/c', 'nb/deep/sub/d', notebook].map((name) => [name, 'x']),
        ),
      );
      const files = await NodeFiles.of(top);
      const chosenOf = async (maxItems: number) => {
        const { items: chosen, leftOut } = await select({
          files,
          gitignore: new Gitignore(files),
          bounds: { ...boundsOf(1024 * MB), maxItems },
          notebook,
        });
        return { chosen: chosen.map(({ path }) => path), left: leftOut };
      };
      assert.deepEqual((await chosenOf(100)).chosen, [
        'nb/deep',
        'nb/deep/c',
        'nb/deep/sub',
        'nb/deep/sub/d',
        'nb',
        'nb/a',
        'nb/other',
        'nb/other/b',
        'top',
        'data',
        'data/x',
      ]);
      const { chosen, left } = await chosenOf(4);
      assert.deepEqual(chosen, ['nb/deep', 'nb/deep/c', 'nb/deep/sub', 'nb/deep/sub/d']);
      const about = (path: string) => left.missing.find((one) => isAbout(one, path))?.reason;
      assert.deepEqual(['nb/deep/typo', 'nb/a', 'nb/other/b', 'data/x', 'top'].map(about), [
        undefined,
        'tooMany',
        'tooMany',
        'tooMany',
        'tooMany',
      ]);
    });

    it('gives room to the nearest files first, however small others are', async () => {
      put({ tiny: 'x', 'nb/deep/large': 'x'.repeat(90), 'nb/small': 'x'.repeat(20) });
      assert.deepEqual((await choose({ notebook, bounds: { maxFileBytes: 100, maxTotalBytes: 91 } })).files, [
        'nb/',
        'nb/deep/',
        'nb/deep/large',
        'tiny',
      ]);
    });

    it('is complete if it just fits, and otherwise names every nearest item that does not fit', async () => {
      put({ 'nb/deep/c': 'x', [notebook]: 'x' });
      assert.deepEqual(await choose({ notebook, bounds: { maxItems: 2 } }), {
        files: ['nb/deep/', 'nb/deep/c'],
        left: { [notebook]: 'notebook' },
        count: 0,
      });
      put({ 'nb/x': 'x', 'data/y': 'x' });
      const { left, count } = await choose({ notebook, bounds: { maxItems: 2 } });
      assert.deepEqual([left, count], [{ 'nb/x': 'tooMany', data: 'tooMany', [notebook]: 'notebook' }, 2]);
    });

    it('names the items that were not read in time, and no others', async () => {
      put({ 'nb/deep/c': 'x', 'nb/x': 'x' });
      const real = await NodeFiles.of(top);
      const slow: HostFiles = {
        name: real.name,
        parent: () => undefined,
        stat: (path) => real.stat(path),
        read: (path, seen) => real.read(path, seen),
        list: async (path, most) => {
          await new Promise((later) => setTimeout(later, 60));
          return real.list(path, most);
        },
      };
      const { items, leftOut } = await select({
        files: slow,
        gitignore: new Gitignore(slow),
        bounds: boundsOf(1024 * MB),
        notebook,
        deadline: 50,
      });
      assert.deepEqual(
        items.map(({ path }) => path),
        ['nb/deep', 'nb/deep/c'],
      );
      const about = (path: string) => leftOut.missing.find((one) => isAbout(one, path))?.reason;
      assert.deepEqual(['nb/deep/typo', 'nb/x', 'data/x'].map(about), [undefined, 'slow', 'slow']);
    });

    it("is limited to the notebook's folder on request", async () => {
      assert.deepEqual(await order(['top', 'nb/a', 'nb/deep/c', 'nb/deep/sub/d'], { folderOnly: true }), [
        'nb/deep/',
        'nb/deep/c',
        'nb/deep/sub/',
        'nb/deep/sub/d',
      ]);
    });

    it('excludes what the .gitignore files of all its folders name', async () => {
      put({
        '.gitignore': 'scratch/\n*.log\n',
        '.git/x': 'x',
        'nb/.gitignore': '*.tmp\n',
        'nb/deep/.gitignore': '!keep.log\n',
      });
      assert.deepEqual(
        await order([
          'a.log',
          'a.csv',
          'nb/a.tmp',
          'nb/deep/keep.log',
          'nb/deep/b.log',
          'nb/deep/b.tmp',
          'scratch/here/x.csv',
          'c.tmp',
        ]),
        ['a.csv', 'c.tmp', 'nb/', 'nb/deep/', 'nb/deep/keep.log'],
      );
      const ignored = { notebook: 'scratch/here/book.ipynb' };
      const { files, left } = await choose(ignored);
      assert.ok(files.includes('a.csv') && !files.some((name) => name.startsWith('scratch')));
      assert.equal(left['scratch'], 'ignored');
      assert.deepEqual(await choose({ ...ignored, folderOnly: true }), {
        files: [],
        left: { 'scratch/here': 'ignored' },
        count: 0,
      });
    });
  });

  it("grows with the sandbox's memory", () => {
    assert.deepEqual(boundsOf(1024 * MB), { maxItems: 2_000, maxFileBytes: 64 * MB, maxTotalBytes: 128 * MB });
    assert.deepEqual([boundsOf(256 * MB).maxTotalBytes, boundsOf(64 * 1024 * MB).maxTotalBytes], [32 * MB, 512 * MB]);
    assert.equal(
      boundsOf(64 * 1024 * MB, 256 * MB).maxTotalBytes,
      64 * MB,
      'half of the /sandbox that it was made with',
    );
  });

  it('excludes names that a sandbox could not use', async () => {
    put({ 'ok.csv': '1' });
    execFileSync('python3', [
      '-c',
      'import os,sys; open(os.path.join(os.fsencode(sys.argv[1]), b"bad\\xff.csv"), "w"); open(os.path.join(sys.argv[1], "x" * 250 + ".csv"), "w")',
      top,
    ]);
    put({ [`${'long-folder-name/'.repeat(70)}x.csv`]: '1' });
    const { files, left } = await choose();
    assert.ok(
      files.includes('ok.csv') &&
        files.includes(`${'x'.repeat(250)}.csv`) &&
        !files.some((name) => name.length > 1_024),
    );
    assert.deepEqual([...new Set(Object.values(left))], ['name']);
  });
});

describe('a file that is read', () => {
  const swaps: [string, () => void][] = [
    [
      'a link that leads out',
      () => {
        unlinkSync(join(top, 'sub/data.csv'));
        symlinkSync(join(top, 'secret'), join(top, 'sub/data.csv'));
      },
    ],
    [
      'another file of the same size',
      () => {
        writeFileSync(join(top, 'new'), 'topsecret');
        renameSync(join(top, 'new'), join(top, 'sub/data.csv'));
      },
    ],
    [
      'a pipe, which nobody would write to',
      () => {
        unlinkSync(join(top, 'sub/data.csv'));
        execFileSync('mkfifo', [join(top, 'sub/data.csv')]);
      },
    ],
    [
      'a folder',
      () => {
        unlinkSync(join(top, 'sub/data.csv'));
        mkdirSync(join(top, 'sub/data.csv'));
      },
    ],
    [
      'other content',
      () => {
        writeFileSync(join(top, 'sub/data.csv'), 'topsecret');
      },
    ],
    [
      'nothing',
      () => {
        unlinkSync(join(top, 'sub/data.csv'));
      },
    ],
  ];
  for (const [what, swap] of swaps) {
    it(`is refused if ${what} has taken its place since it was selected`, async () => {
      put({ 'sub/data.csv': 'innocuous', secret: 'topsecret' });
      const files = await NodeFiles.of(top);
      const seen = await files.stat('sub/data.csv');
      assert.ok(seen);
      await new Promise((later) => setTimeout(later, 5)); // the clock of a file system may have this resolution
      swap();
      await assert.rejects(
        async () => {
          for await (const piece of files.read('sub/data.csv', seen)) {
            assert.fail(piece.toString());
          }
        },
        (error: Error) => !('code' in error && error.code === 'ERR_ASSERTION'),
      );
    });
  }

  it('is refused if a folder of its path has become a link to a folder that has the very same file', async () => {
    put({ 'sub/data.csv': 'x' });
    const files = await NodeFiles.of(top);
    const seen = await files.stat('sub/data.csv');
    assert.ok(seen);
    renameSync(join(top, 'sub'), join(top, 'elsewhere'));
    symlinkSync('elsewhere', join(top, 'sub'));
    await assert.rejects(async () => {
      for await (const piece of files.read('sub/data.csv', seen)) {
        assert.fail(piece.toString());
      }
    }, FileChanged);
    await assert.rejects(files.list('sub', 10), FileChanged);
  });

  it('is refused at its end if it has changed while it was read', async () => {
    put({ data: 'x'.repeat(MB) });
    const files = await NodeFiles.of(top);
    const seen = await files.stat('data');
    assert.ok(seen);
    let pieces = 0;
    await assert.rejects(async () => {
      for await (const piece of files.read('data', seen)) {
        if ((pieces += piece.length) < MB / 2) {
          writeFileSync(join(top, 'data'), 'y');
        }
      }
    }, FileChanged);
    assert.ok(pieces < MB);
  });

  it('is recognized as a private key by its first line, whatever its name', () => {
    for (const key of [
      '-----BEGIN RSA PRIVATE KEY-----\n',
      '-----BEGIN OPENSSH PRIVATE KEY-----',
      '\n-----BEGIN PRIVATE KEY-----',
      '-----BEGIN PGP PRIVATE KEY BLOCK-----',
      'PuTTY-User-Key-File-3: ssh-ed25519',
    ]) {
      assert.ok(isKey(Buffer.from(key)), key);
    }
    const encoded = ['\uFEFF-----BEGIN PRIVATE KEY-----', '-----BEGIN PRIVATE KEY-----'];
    for (const [i, key] of encoded.entries()) {
      assert.ok(isKey(Buffer.from(key, i === 0 ? 'utf8' : 'utf16le')), key);
    }
    for (const none of [
      '',
      'a,b\n1,2',
      '-----BEGIN PUBLIC KEY-----',
      '-----BEGIN CERTIFICATE-----',
      'text about -----BEGIN PRIVATE KEY-----',
    ]) {
      assert.ok(!isKey(Buffer.from(none)), none);
    }
  });
});
