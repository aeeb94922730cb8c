import assert from 'node:assert/strict';
import { reasonNotToCopy, xdgFolders, type HostFolders } from '../../src/session/folder-copy/allowed-folder';

const linux: HostFolders = {
  platform: 'linux',
  home: '/home/ada',
  temporary: '/tmp',
  userFolders: ['/home/ada/Téléchargements'],
};
const mac: HostFolders = { platform: 'darwin', home: '/Users/ada', temporary: '/var/folders/xy/T', userFolders: [] };
const windows: HostFolders = {
  platform: 'win32',
  home: 'C:\\Users\\Ada',
  temporary: 'C:\\Users\\Ada\\AppData\\Local\\Temp',
  userFolders: [],
};
const root: HostFolders = { ...linux, home: '/root', userFolders: [] };

const asked = { setting: 'project', isTrusted: true, isUntitled: false } as const;
const reason = (machine: HostFolders, ...folders: string[]): string | undefined =>
  reasonNotToCopy({ ...asked, folders }, machine);

describe('the folder that is copied', () => {
  const taken: [HostFolders, string[]][] = [
    [
      linux,
      [
        '/home/ada/project',
        '/home/ada/Documents/report',
        '/home/ada/Downloads/course',
        '/work',
        '/workspaces/project',
        '/tmp/x',
        '/mnt/c/Users/Ada/project',
        '/mnt/data/project',
        '/media/ada/stick/project',
        '/srv/x',
        '/home/ada/.cache/x/y',
      ],
    ],
    [mac, ['/Users/ada/project', '/Users/ada/Documents/x', '/Volumes/Stick/project', '/private/tmp/x']],
    [
      windows,
      [
        'C:\\Users\\Ada\\project',
        'c:\\work',
        'D:\\data',
        '\\\\server\\share\\project',
        'C:\\Users\\Ada\\OneDrive\\Documents\\report',
        'C:\\Users\\Ada\\OneDrive - Ada Ltd\\x',
      ],
    ],
    [root, ['/root/project', '/srv/project']],
  ];
  for (const [machine, folders] of taken) {
    for (const folder of folders) {
      it(`may be ${folder}`, () => {
        assert.equal(reason(machine, folder), undefined);
      });
    }
  }

  const wide: [HostFolders, string[]][] = [
    [
      linux,
      [
        '/',
        '/home',
        '/home/ada',
        '/home/ada/',
        '/home/bob',
        '/home/ada/Downloads',
        '/home/ada/Desktop',
        '/home/ada/Documents',
        '/home/bob/Downloads',
        '/home/ada/Téléchargements',
        '/home/ada/Dropbox',
        '/tmp',
        '/var/tmp',
        '/etc',
        '/etc/x',
        '/proc/1',
        '/sys/kernel',
        '/dev/shm',
        '/usr',
        '/mnt',
        '/mnt/c',
        '/mnt/c/',
        '/mnt/c/Users',
        '/mnt/c/Users/Ada',
        '/mnt/c/Users/Ada/Downloads',
        '/mnt/disk',
        '/media/ada/stick',
        '/run/media/ada/stick',
        '/root',
      ],
    ],
    [
      mac,
      [
        '/',
        '/Users',
        '/Users/ada',
        '/USERS/ADA',
        '/Users/ada/Downloads',
        '/Users/ada/Library',
        '/Volumes/Stick',
        '/private/tmp',
        '/var/folders/xy/T',
        '/Applications',
        '/Users/Shared',
      ],
    ],
    [
      windows,
      [
        'C:\\',
        'c:\\',
        'D:\\',
        '\\\\server\\share',
        '\\\\server\\share\\',
        'C:\\Users',
        'c:\\users\\ada',
        'C:\\Users\\Ada\\Downloads',
        'C:\\Users\\Ada\\OneDrive',
        'C:\\Users\\Ada\\OneDrive - Ada Ltd\\Desktop',
        'C:\\Users\\Ada\\AppData\\Local\\Temp',
        'C:\\Windows',
        '\\\\wsl.localhost\\Ubuntu\\home\\ada',
        '\\\\wsl.localhost\\Ubuntu\\home\\ada\\Downloads',
      ],
    ],
    [root, ['/root', '/root/Downloads', '/']],
  ];
  for (const [machine, folders] of wide) {
    for (const folder of folders) {
      it(`is never ${folder}, which is too wide`, () => {
        assert.equal(reason(machine, folder), 'wide');
      });
    }
  }

  it('is judged by the target of a link as well as by its own path', () => {
    assert.equal(reason(linux, '/work/link', '/home/ada'), 'wide');
    assert.equal(reason(linux, '/home/ada', '/work/real'), 'wide');
  });

  it('is never a folder of keys or a hidden folder', () => {
    for (const folder of [
      '/home/ada/.ssh',
      '/home/ada/.ssh/x',
      '/home/ada/.config/x/y',
      '/work/.hidden',
      '/work/repo/.git/hooks',
    ]) {
      assert.equal(reason(linux, folder), 'hidden', folder);
    }
  });

  it('is undefined in Restricted Mode, if the setting says so, and for a notebook without a file', () => {
    const folders = ['/work'];
    assert.equal(reasonNotToCopy({ ...asked, isTrusted: false, folders }, linux), 'untrusted');
    assert.equal(reasonNotToCopy({ ...asked, setting: 'none', folders }, linux), 'setting');
    assert.equal(reasonNotToCopy({ ...asked, isUntitled: true, folders }, linux), 'untitled');
  });

  it('is never one of the wide folders that the desktop names', () => {
    assert.deepEqual(
      xdgFolders(
        '# made\nXDG_DOWNLOAD_DIR="$HOME/Téléchargements"\n XDG_MUSIC_DIR="/data/music"\nXDG_X_DIR="$HOME/"\nx="/y"\n',
        '/home/ada',
      ),
      ['/home/ada/Téléchargements', '/data/music', '/home/ada/'],
    );
  });
});
