import assert from 'node:assert/strict';
import { isSandboxError, SandboxError } from '../../src/protocol/errors';
import {
  clampToUser,
  DEFAULT_SETTINGS,
  parseSetting,
  parseSettings,
  type SettingName,
} from '../../src/session/settings';
import { formatBytes, parseBytes } from '../../src/session/sizes';
import { freeUid } from '../../src/session/life/uid';

const MB = 2 ** 20;

describe('settings', () => {
  it('have the defaults of the table', () => {
    assert.deepEqual(DEFAULT_SETTINGS, {
      timeout: 300,
      maxMemory: 1024 * MB,
      historySize: 1000,
      pollInterval: 0.1,
      image: 'python:3.13-slim',
      packages: [],
      cpus: 2,
      pids: 512,
      logBudget: 64 * MB,
      maxOutput: 10 * MB,
      files: 'project',
      resetFiles: 'keep',
      startOn: 'open',
      keepAlive: 30,
      idleTimeout: 0,
    });
    assert.deepEqual(parseSettings({ timeout: undefined }), DEFAULT_SETTINGS);
  });

  it('take sizes in binary units', () => {
    for (const [text, bytes] of [
      ['512MB', 512 * MB],
      ['1GB', 1024 * MB],
      ['2g', 2048 * MB],
      ['1.5 GiB', 1536 * MB],
      ['300m', 300 * MB],
      [536870912, 512 * MB],
      [' 1 gb ', 1024 * MB],
    ] as const) {
      assert.equal(parseSetting('maxMemory', text), bytes, String(text));
    }
    assert.equal(parseBytes('12kb'), 12 * 1024);
    assert.equal(parseBytes('1000'), 1000);
    for (const text of [
      '',
      'GB',
      '1 apple',
      '-1GB',
      '1e9',
      '0x10',
      '1GB 2',
      'NaN',
      null,
      {},
      [],
      1.5,
      -1,
      Infinity,
      '9'.repeat(40),
    ]) {
      assert.equal(parseBytes(text), undefined, JSON.stringify(text));
    }
    for (const bytes of [1, 1023, 1024, 512 * MB, 1024 * MB, 1536 * MB, 1000]) {
      assert.equal(parseBytes(formatBytes(bytes)), bytes);
    }
  });

  const refused: [SettingName, unknown[]][] = [
    ['timeout', [-1, '300', NaN, Infinity, null, 1e9]],
    ['maxMemory', ['100MB', 'lots', 0, '1', null, '2000TB', true]],
    ['historySize', [1, 2, -1, 2.5, 1_000_001, '1000', null]],
    ['pollInterval', [0, 0.001, 11, '0.1', null]],
    ['cpus', [0, -1, 1000, '2', null]],
    ['pids', [0, 10, 1.5, 1e9, null]],
    ['logBudget', ['1KB', '100GB', null]],
    ['maxOutput', ['1KB', '10GB', null]],
    ['files', ['all', '', true, null]],
    ['resetFiles', ['none', '', true, null]],
    ['startOn', ['close', '', true, null]],
    [
      'image',
      [
        '',
        'a b',
        '-v',
        'python:',
        'http://x/y',
        'x'.repeat(300),
        'python;rm',
        '../x',
        5,
        null,
        'Python',
        'x@sha256:12',
        '--privileged',
      ],
    ],
    [
      'packages',
      [
        'numpy',
        [5],
        ['-r x'],
        ['--index-url=x'],
        ['git+https://host/x'],
        ['./local'],
        ['/abs'],
        ['x @ https://host/x.whl'],
        ['x.whl/'],
        [''],
        ['numpy;os_name=="x"'],
        ['a b'],
        ['numpy>=1 --pre'],
        ['-e .'],
        ['x\n-r y'],
        Array.from({ length: 201 }, () => 'x'),
        null,
      ],
    ],
  ];
  for (const [name, values] of refused) {
    it(`refuse a wrong ${name} by its name, its value and what is allowed`, () => {
      for (const value of values) {
        assert.throws(
          () => parseSetting(name, value),
          (error) => {
            assert.ok(isSandboxError(error, 'SettingInvalid'), String(error));
            assert.equal(error.setting, name);
            assert.equal(error.params['setting'], name);
            assert.equal(typeof error.params['value'], 'string');
            assert.ok(String(error.params['value']).length <= 81);
            assert.ok(String(error.params['allowed']).length > 10);
            return true;
          },
          `${name} = ${JSON.stringify(value)}`,
        );
      }
    });
  }

  it('accept allowed values', () => {
    const allowed: [SettingName, unknown[]][] = [
      ['timeout', [0, 0.5, 300, 604_800]],
      ['historySize', [0, 3, 1_000_000]],
      ['pollInterval', [0.01, 10]],
      [
        'image',
        [
          'python',
          'python:3.13-slim',
          'host.example:5000/team/image:v1.2',
          'localhost/x',
          `x@sha256:${'a'.repeat(64)}`,
          'a'.repeat(64),
          'ghcr.example/a_b/c-d.e:T',
          'images.example/library/python:3',
        ],
      ],
      [
        'packages',
        [
          [],
          ['numpy'],
          [
            'pandas>=2,<3',
            'scikit-learn==1.5.*',
            'uvicorn[standard] ~= 0.30',
            'ruamel.yaml',
            'x!=1.0.post1',
            'y===2+local',
          ],
        ],
      ],
    ];
    for (const [name, values] of allowed) {
      for (const value of values) {
        assert.deepEqual(parseSetting(name, value), value, `${name} = ${JSON.stringify(value)}`);
      }
    }
    assert.deepEqual(parseSetting('packages', [' numpy ']), ['numpy']);
  });

  it('may be made stricter by a workspace but never less strict', () => {
    assert.equal(clampToUser('maxMemory', '512MB', '1GB'), 512 * MB);
    assert.equal(clampToUser('maxMemory', '64GB', '1GB'), 1024 * MB);
    assert.equal(clampToUser('maxMemory', '64GB', undefined), 1024 * MB);
    assert.equal(clampToUser('maxMemory', undefined, '2GB'), 2048 * MB);
    assert.equal(clampToUser('timeout', 10, 300), 10);
    assert.equal(clampToUser('timeout', 0, 300), 300, 'no limit is the widest');
    assert.equal(clampToUser('timeout', 10, 0), 10);
    assert.equal(clampToUser('timeout', 0, 0), 0);
    assert.equal(clampToUser('pollInterval', 0.01, 0.1), 0.1);
    assert.throws(() => clampToUser('timeout', 'x', 300), SandboxError);
    const files = [
      ['none', 'project'],
      ['folder', 'project'],
      ['project', 'folder'],
      ['folder', 'none'],
      ['project', undefined],
      [undefined, 'folder'],
      [undefined, undefined],
    ];
    assert.deepEqual(
      files.map(([workspace, user]) => clampToUser('files', workspace, user)),
      ['none', 'folder', 'folder', 'none', 'project', 'folder', 'project'],
    );
    assert.deepEqual(
      [
        ['run', 'open'],
        ['open', 'run'],
        [undefined, undefined],
      ].map(([workspace, user]) => clampToUser('startOn', workspace, user)),
      ['run', 'run', 'open'],
    );
  });
});

describe('the uid of a sandbox', () => {
  it('is one that no other sandbox has, also at the end of the range', () => {
    assert.equal(
      freeUid(new Set(), () => 0),
      20_000,
    );
    assert.equal(
      freeUid(new Set([20_000, 20_001]), () => 0),
      20_002,
    );
    assert.equal(
      freeUid(new Set([21_999]), () => 1_999),
      20_000,
    );
    for (let i = 0; i < 100; i += 1) {
      assert.ok(freeUid(new Set()) >= 20_000 && freeUid(new Set()) <= 21_999);
    }
  });

  it('is an error if all are in use', () => {
    assert.throws(
      () => freeUid(new Set(Array.from({ length: 2_000 }, (_, i) => 20_000 + i))),
      (error) => isSandboxError(error, 'StartFailed'),
    );
  });
});
