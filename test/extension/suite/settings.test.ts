import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { FIXED_AT_START, FIXED_IN_KERNEL } from '../../../src/notebook/configuration';
import { SETTING_NAMES } from '../../../src/session/settings';
import { OpenNotebook, containerOf, emptyImage, engine, hasSandbox, set, stub, until, useTestBase } from './support';

describe('the descriptions of settings', () => {
  it('say correctly when the settings take effect: at once, with the next run, kernel, reset, sandbox or notebook', () => {
    const texts = JSON.parse(readFileSync(path.resolve(__dirname, '../../../../package.nls.json'), 'utf8')) as Record<
      string,
      string
    >;
    const saying = (...next: string[]): string[] =>
      SETTING_NAMES.filter((name) =>
        next.some((one) => texts[`setting.${name}`]?.includes(`Takes effect with the next ${one}`)),
      );
    const sorted = (names: readonly string[]): string[] => [...names].sort();
    assert.deepEqual(
      sorted(saying('sandbox')),
      sorted([...FIXED_AT_START.filter((name) => name !== 'maxMemory'), 'files']),
      'maxMemory at once, where the engine can; files stay where they were copied to',
    );
    assert.deepEqual(saying('kernel'), FIXED_IN_KERNEL);
    assert.deepEqual(
      sorted([...saying('sandbox', 'kernel', 'reset', 'cell', 'run', 'notebook'), 'maxMemory']),
      sorted(SETTING_NAMES),
    );
  });
});

describe('settings', () => {
  before(useTestBase);
  let notebook: OpenNotebook;
  const open = async (...sources: Parameters<typeof OpenNotebook.of>) => (notebook = await OpenNotebook.of(...sources));
  const { Global, Workspace } = vscode.ConfigurationTarget;
  afterEach(async () => {
    await notebook.close();
    for (const name of [
      'timeout',
      'maxMemory',
      'historySize',
      'maxOutput',
      'pollInterval',
      'logBudget',
      'cpus',
      'pids',
      'proxy',
      'caBundle',
      'files',
      'resetFiles',
      'startOn',
    ]) {
      await set(name, undefined, Global);
    }
    await set('timeout', undefined, Workspace);
    await useTestBase();
  });
  const reset = () => vscode.commands.executeCommand('sandboxedIPython.resetSandboxState');

  it('maxMemory limits the sandbox, also a running one once it changes, and a cell that needs more reports it', async () => {
    await set('maxMemory', '384MB');
    await open(
      'import os\nlimits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]\nprint(*[open(p).read().strip() for p in limits if os.path.exists(p)])',
      'b = b"x" * 2**30',
      '"fresh", "b" in globals()',
    );
    await notebook.run(0);
    assert.equal(notebook.text(0), `${384 * 2 ** 20}\n`);
    await notebook.run(1);
    assert.match(
      notebook.text(1),
      /^OutOfMemory: The cell ran out of memory: the limit is 384 MB\. .*sandboxedIPython\.maxMemory/,
    );
    await notebook.run(2);
    assert.equal(notebook.text(2), "('fresh', False)");
    await notebook.edit(2, 'x = 1');
    await notebook.run(2);
    await set('maxMemory', '448MB');
    for (const end = Date.now() + 15_000; notebook.text(0) !== `${448 * 2 ** 20}\n` && Date.now() < end;) {
      await notebook.run(0);
    }
    assert.equal(notebook.text(0), `${448 * 2 ** 20}\n`);
    await notebook.run(1);
    assert.match(notebook.text(1), /^OutOfMemory: .*the limit is 448 MB/);
    await set('maxMemory', '512MB');
    await reset();
    await notebook.run(0);
    assert.equal(notebook.text(0), `${512 * 2 ** 20}\n`);
  });

  it('a change that needs a new sandbox is reported once, with a button that starts one', async () => {
    await open('x = 1', '"x" in globals()');
    await notebook.run(0);
    const told: string[] = [];
    const press = (text: string, button: string): Promise<string> => {
      told.push(text);
      return Promise.resolve(button);
    };
    await stub('showInformationMessage', press, async () => {
      await set('pids', 100);
      await set('pids', 101);
      await until('the notice', () => told.length > 0);
      for (const end = Date.now() + 30_000; await hasSandbox(notebook);) {
        assert.ok(Date.now() < end, 'the sandbox stays');
      }
    });
    assert.match(
      told.join('\n'),
      /^[^\n]*Untitled[^\n]+: sandboxedIPython\.pids takes effect with the next sandbox\. A reset starts it: variables and files of this sandbox are lost\.$/,
    );
    await notebook.run(1);
    assert.equal(notebook.text(1), 'False');
  });

  it("pollInterval, logBudget, cpus and pids apply to the sandbox's container", async () => {
    await set('pollInterval', 0.5);
    await set('logBudget', '8MB');
    await set('cpus', 0.5);
    await set('pids', 100);
    await open('1');
    await notebook.run(0);
    interface Inspection {
      Config: { Cmd: string[] };
      HostConfig: { NanoCpus: number; PidsLimit: number };
    }
    const found = await engine<Inspection>('GET', `/containers/${await containerOf(notebook)}/json`);
    assert.ok(found);
    const { Cmd: options } = found.Config;
    assert.ok(
      options.includes('--poll-interval=0.5') && options.includes(`--log-budget=${8 * 2 ** 20}`),
      options.join(' '),
    );
    assert.deepEqual([found.HostConfig.NanoCpus, found.HostConfig.PidsLimit], [5e8, 100]);
  });

  it('historySize limits what IPython keeps, from the next kernel on', async () => {
    await open('get_ipython().cache_size');
    await notebook.run(0);
    assert.equal(notebook.text(0), '1000');
    await set('historySize', 5);
    await vscode.commands.executeCommand('sandboxedIPython.restartKernel');
    await notebook.run(0);
    assert.equal(notebook.text(0), '5');
  });

  it('maxOutput limits what a cell prints, and the cell reports it', async () => {
    await set('maxOutput', '64KB');
    await open('print("x" * 200_000)', '1');
    await notebook.run(0);
    assert.match(
      notebook.text(0),
      /This cell printed 195 KB\. .*are left out, because a cell may show 64 KB\. .*sandboxedIPython\.maxOutput/,
    );
    assert.ok(notebook.text(0).length < 80_000);
    await notebook.run(1);
    assert.equal(notebook.text(1), '1');
  });

  it('a workspace may make a limit stricter but never less strict', async () => {
    await open('import time; time.sleep(2)', '"done"');
    await set('timeout', 1, Workspace);
    await notebook.run(0);
    assert.match(notebook.text(0), /TimedOut: The cell ran longer than 1 s/);
    await set('timeout', 1, Global);
    await set('timeout', 100, Workspace);
    await notebook.run(0);
    assert.match(notebook.text(0), /TimedOut: The cell ran longer than 1 s/);
  });

  const wrong: [string, unknown, RegExp][] = [
    [
      'maxMemory',
      'lots',
      /^SettingInvalid: The setting sandboxedIPython\.maxMemory cannot be "lots"\. Allowed: 256MB–1024GB/,
    ],
    ['maxMemory', '1MB', /sandboxedIPython\.maxMemory cannot be "1MB"\. Allowed: 256MB/],
    ['timeout', -1, /sandboxedIPython\.timeout cannot be "-1"\. Allowed: a number/],
    [
      'image',
      'not an image!',
      /sandboxedIPython\.image cannot be "not an image!"\. Allowed: the reference of an image/,
    ],
    ['packages', ['--index-url=x'], /sandboxedIPython\.packages cannot be "\["--index-url=x"\]"\. Allowed: a list/],
    ['historySize', 1.5, /sandboxedIPython\.historySize cannot be "1\.5"\. Allowed: 0 or a whole number 3–1,000,000/],
    ['pollInterval', 0, /sandboxedIPython\.pollInterval cannot be "0"\. Allowed: a number 0\.01–10 \(seconds\)/],
    ['cpus', 0, /sandboxedIPython\.cpus cannot be "0"\. Allowed: a number 0\.1–256/],
    ['pids', 1, /sandboxedIPython\.pids cannot be "1"\. Allowed: a whole number 64–32,768/],
    ['logBudget', '1KB', /sandboxedIPython\.logBudget cannot be "1KB"\. Allowed: 1MB–4GB/],
    ['maxOutput', 'all', /sandboxedIPython\.maxOutput cannot be "all"\. Allowed: 64KB–200MB/],
    [
      'proxy',
      'socks5://ada:s3cret@proxy:1080',
      /sandboxedIPython\.proxy cannot be "socks5:\/\/\*\*\*@proxy:1080"\. Allowed: http:\/\/ or https:\/\//,
    ],
    ['files', 'all', /sandboxedIPython\.files cannot be "all"\. Allowed: "project", "folder" or "none"/],
    ['resetFiles', 'all', /sandboxedIPython\.resetFiles cannot be "all"\. Allowed: "keep" or "clear"/],
    [
      'caBundle',
      '/no/such/authority.pem',
      /sandboxedIPython\.caBundle cannot be "\/no\/such\/authority\.pem"\. Allowed: a PEM file that can be read/,
    ],
  ];
  for (const [name, value, message] of wrong) {
    it(`${name} ${JSON.stringify(value)} is refused in the cell, which runs once the setting is corrected`, async () => {
      await set(name, value);
      await open('"ran"');
      await notebook.run(0);
      assert.match(notebook.text(0), message);
      assert.equal(notebook.success(0), false);
      await set(name, undefined);
      await useTestBase();
      await notebook.run(0);
      assert.equal(notebook.text(0), "'ran'");
    });
  }

  it('a base image without Python is reported, with what to choose, and the cell runs once the setting is corrected', async () => {
    const empty = await emptyImage();
    await set('image', empty);
    await open('"ran"');
    await notebook.run(0);
    await engine('DELETE', `/images/${empty}`);
    assert.match(
      notebook.text(0),
      /^BaseUnusable: The base image sandboxed-ipython-test\/nothing:1 cannot be used\. It has no Python\. Set sandboxedIPython\.image to an image with Python 3\.9/,
    );
    await useTestBase();
    await notebook.run(0);
    assert.equal(notebook.text(0), "'ran'");
  });

  it("a package that does not exist is reported with pip's own reason, and the cell runs once the setting is corrected", async () => {
    await set('packages', ['no-such-package-of-sandboxed-ipython']);
    await open('"ran"');
    await notebook.run(0);
    assert.match(
      notebook.text(0),
      /^ImageFailed: .*installing packages.*[Nn]o matching distribution.* sandboxedIPython\.packages/,
    );
    await set('packages', []);
    await notebook.run(0);
    assert.equal(notebook.text(0), "'ran'");
  });

  it('packages are available to the cells', async () => {
    await set('packages', ['six==1.16.0']);
    await open('import six; six.__version__');
    await notebook.run(0);
    assert.equal(notebook.text(0), "'1.16.0'");
  });

  it('an image that cannot be pulled is reported with what helps', async () => {
    await set('image', 'localhost:1/nothing/here:1');
    await open('1');
    await notebook.run(0);
    assert.match(notebook.text(0), /^ImageFailed: .*downloading the base image.* sandboxedIPython\.image/);
  });
});
