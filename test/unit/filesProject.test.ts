import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { NodeFiles } from '../../src/session/folder-copy/node-files';
import type { HostFiles } from '../../src/session/folder-copy/host-files';
import { nameInHome } from '../../src/session/folder-copy/place';
import { depthIn, projectOf } from '../../src/session/folder-copy/project';

describe('the project of a notebook', () => {
  let top: string;
  beforeEach(() => {
    top = realpathSync(mkdtempSync(path.join(tmpdir(), 'project-')));
  });
  afterEach(() => {
    rmSync(top, { recursive: true, force: true });
  });

  const put = (...names: string[]): void => {
    for (const name of names) {
      mkdirSync(path.dirname(path.join(top, name)), { recursive: true });
      if (name.endsWith('/')) {
        mkdirSync(path.join(top, name), { recursive: true });
      } else {
        writeFileSync(path.join(top, name), 'x');
      }
    }
  };
  const pathOf = (files: HostFiles): string => path.relative(top, (files as NodeFiles).folder);
  /**
   * Returns the top folder of the project, and the notebook's folder in it. `forbidden` are folders that are never
   * copied.
   */
  async function project({
    folder,
    workspace,
    forbidden = [],
  }: {
    folder: string;
    workspace?: string;
    forbidden?: string[];
  }): Promise<[string, string]> {
    mkdirSync(path.join(top, folder), { recursive: true });
    const files = await NodeFiles.of(path.join(top, folder));
    const depth =
      workspace === undefined ? 0 : depthIn((await NodeFiles.of(path.join(top, workspace))).folder, files.folder);
    const found = await projectOf(
      files,
      depth,
      (one) => !forbidden.includes(pathOf(one)) && !pathOf(one).startsWith('..'),
    );
    return [pathOf(found.files), found.folder];
  }

  it('is the nearest Git repository, including submodules and worktrees, in which .git is a file', async () => {
    put('ws/.git/', 'ws/a/requirements.txt', 'ws/sub/.git', 'ws/sub/nb/deep/');
    assert.deepEqual(await project({ folder: 'ws/a/b/c', workspace: 'ws' }), ['ws', 'a/b/c']);
    assert.deepEqual(await project({ folder: 'ws/sub/nb/deep', workspace: 'ws' }), ['ws/sub', 'nb/deep']);
    assert.deepEqual(await project({ folder: 'ws', workspace: 'ws' }), ['ws', '']);
  });

  it('is the workspace folder if the repository begins above that', async () => {
    put('repo/.git/', 'repo/ws/nb/requirements.txt');
    assert.deepEqual(await project({ folder: 'repo/ws/nb/deep', workspace: 'repo/ws' }), ['repo/ws', 'nb/deep']);
    assert.deepEqual(
      await project({ folder: 'repo/ws/nb/deep', workspace: 'repo/ws', forbidden: ['repo'] }),
      ['repo/ws/nb', 'deep'],
      'a repository around a home has much else',
    );
  });

  for (const marker of ['pyproject.toml', 'setup.py', 'requirements.txt', 'environment.yml']) {
    it(`without a repository is the innermost folder with ${marker}`, async () => {
      put(`ws/${marker}`, `ws/p/${marker}`, 'ws/p/nb/x.py');
      assert.deepEqual(await project({ folder: 'ws/p/nb', workspace: 'ws' }), ['ws/p', 'nb']);
      assert.deepEqual(await project({ folder: 'ws/q', workspace: 'ws' }), ['ws', 'q']);
    });
  }

  it("is otherwise the notebook's folder, as it also is outside of a workspace folder, whatever is above", async () => {
    put('.git/', 'requirements.txt', 'ws/nb/x.csv', 'ws2/nb/');
    assert.deepEqual(await project({ folder: 'ws/nb' }), ['ws/nb', '']);
    assert.deepEqual(await project({ folder: 'ws2/nb', workspace: 'ws' }), ['ws2/nb', '']);
    rmSync(path.join(top, '.git'), { recursive: true });
    assert.deepEqual(await project({ folder: 'ws/nb', workspace: 'ws' }), ['ws/nb', '']);
  });

  it('contains no folder that is never copied, and no folder below such a one', async () => {
    put(
      'home/.git/',
      'home/requirements.txt',
      'home/p/.hidden/nb/',
      'home/p/node_modules/nb/',
      'home/p/secrets/nb/',
      'home/p/requirements.txt',
      'home/p/nb/',
    );
    assert.deepEqual(await project({ folder: 'home/p/nb', workspace: 'home', forbidden: ['home'] }), ['home/p', 'nb']);
    for (const name of ['.hidden', 'node_modules', 'secrets']) {
      assert.deepEqual(
        await project({ folder: `home/p/${name}/nb`, workspace: 'home' }),
        [`home/p/${name}/nb`, ''],
        name,
      );
    }
  });

  it('is found by real paths: a link into the workspace folder does not make a project of the folders around its target', async () => {
    put('ws/.git/', 'elsewhere/requirements.txt', 'elsewhere/nb/');
    symlinkSync(path.join(top, 'elsewhere/nb'), path.join(top, 'ws/nb'));
    symlinkSync(path.join(top, 'ws'), path.join(top, 'link'));
    assert.deepEqual(await project({ folder: 'ws/nb', workspace: 'ws' }), ['elsewhere/nb', '']);
    assert.deepEqual(await project({ folder: 'ws/p', workspace: 'link' }), ['ws', 'p']);
  });

  it('is found although some folders cannot be read', async () => {
    put('ws/.git/', 'ws/nb/');
    const real = await NodeFiles.of(path.join(top, 'ws/nb'));
    const denied: HostFiles = {
      name: real.name,
      parent: () => real.parent(),
      stat: () => Promise.reject(new Error('EACCES')),
      list: () => Promise.reject(new Error('EACCES')),
      read: () => assert.fail(),
    };
    assert.equal((await projectOf(denied, 1, () => true)).folder, 'nb');
  });
});

describe("the number of workspace folders above a notebook's folder", () => {
  it('is counted with the paths of every system', () => {
    assert.deepEqual(
      [
        ['/w', '/w/a/b'],
        ['/w', '/w'],
        ['/w', '/'],
        ['/w', '/wx/a'],
        ['/w/a', '/w'],
        ['/', '/a'],
      ].map(([workspace = '', folder = '']) => depthIn(workspace, folder, path.posix)),
      [2, 0, 0, 0, 0, 1],
    );
    assert.deepEqual(
      [
        ['C:\\w', 'C:\\w\\a'],
        ['C:\\w', 'D:\\w\\a'],
        ['\\\\s\\x', '\\\\s\\x\\a\\b'],
        ['c:\\W', 'C:\\w\\..a'],
      ].map(([workspace = '', folder = '']) => depthIn(workspace, folder, path.win32)),
      [1, 0, 2, 1],
    );
  });
});

describe('the folder name of a project in its sandbox', () => {
  const names: [string, string][] = [
    ['My Project (2)', 'My Project (2)'],
    ['ünï 🐍', 'ünï 🐍'],
    ["it's $(x) `y`", "it's $(x) `y`"],
    ['.interactive', '_interactive'],
    ['..', '__'],
    ['.', '_'],
    ['', 'notebook'],
    ['  ', 'notebook'],
    [' .cache', '_cache'],
    ['a/b\\c', 'a_b_c'],
    ['a\nb\0c\u001b[31m', 'a_b_c_[31m'],
    ['\u202egnp.exe', '_gnp.exe'],
    ['\ud800x', '_x'],
  ];
  for (const [name, safe] of names) {
    it(`${JSON.stringify(name)} is ${JSON.stringify(safe)}`, () => {
      assert.equal(nameInHome(name), safe);
    });
  }

  it('is never longer than a file system allows', () => {
    for (const name of ['n'.repeat(300), '🐍'.repeat(200), 'ü'.repeat(100_000)]) {
      assert.ok(Buffer.byteLength(nameInHome(name)) <= 255 && name.startsWith(nameInHome(name)));
    }
  });
});
