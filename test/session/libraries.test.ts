import assert from 'node:assert/strict';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerInspectInfo } from 'dockerode';
import type { Engine } from '../../src/engine/engine';
import { installNetwork } from '../../src/engine/image/install-network';
import { containerName } from '../../src/engine/specification';
import type { SandboxError } from '../../src/protocol/errors';
import type { EventOf } from '../../src/protocol/messages';
import { isSandboxError, type FailureCode } from '../../src/protocol/errors';
import { containerExists, docker, newVolume, specification, until } from './engineTools';
import { connect, derivedImage, endSessions, startSession, type TestSession } from './support/sandboxes';

const volumeExists = (name: string): Promise<boolean> =>
  docker
    .getVolume(name)
    .inspect()
    .then(
      () => true,
      (error: { statusCode?: number }) => {
        if (error.statusCode === 404) {
          return false;
        }
        throw new Error('inspect failed', { cause: error });
      },
    );
/** A package whose wheel takes a while to install. */
const LARGE = 'scipy';

describe('libraries', function () {
  this.timeout(120_000);
  let engine: Engine;
  let image: string;
  let sandbox: TestSession;

  before(async () => {
    engine = await connect();
    image = await derivedImage(engine);
  });
  beforeEach(async function () {
    if (this.currentTest?.title.startsWith('of a sandbox')) {
      return;
    }
    sandbox ??= startSession(engine, image);
    await sandbox.session.reset({ files: 'clear' });
  });
  after(async () => {
    await endSessions();
    engine.dispose();
  });

  const ok = async (code: string) => {
    const cell = await sandbox.run(code);
    assert.equal(cell.reply.status, 'ok', `${code}: ${cell.reply.ename} ${cell.reply.evalue} ${cell.text('stderr')}`);
    return cell;
  };
  const installed = async (name: string) => (await ok(`import importlib.metadata as m\nm.version("${name}")`)).result;
  const installer = () => sandbox.session.libraries.replace('libraries', 'install');
  const install = async (requirements: string[], change: { limit?: number; libraries?: string } = {}) => {
    const lines: string[] = [];
    await engine.install(
      {
        containerId: containerName(sandbox.session.id),
        libraries: sandbox.session.libraries,
        requirements,
        options: [],
        network: await installNetwork(process.env),
        ...change,
      },
      (line) => lines.push(line),
    );
    return lines;
  };
  const fails = async (work: Promise<unknown>, code: FailureCode, reason = /(?:)/) => {
    await assert.rejects(work, (error) => isSandboxError(error, code) && reason.test(String(error.params['reason'])));
  };

  it('of plotly show figures at once, because the image has nbformat, which %run and %notebook need too', async () => {
    await ok('%pip install plotly');
    for (const show of ['figure', 'figure.show()']) {
      const figures = (
        await ok(`import plotly.graph_objects as go\nfigure = go.Figure(go.Bar(x=["a", "b"], y=[1, 2]))\n${show}`)
      ).events.filter(({ msg_type: type }) => type === 'execute_result' || type === 'display_data');
      assert.ok(
        figures.some((event) => 'text/html' in (event as EventOf<'display_data'>).content.data),
        show,
      );
    }
    await ok(
      'import nbformat.v4 as v4, nbformat\nnbformat.write(v4.new_notebook(cells=[v4.new_code_cell("inner = 6 * 7\\nprint(\'from the other\')")]), "other.ipynb")',
    );
    assert.equal((await ok('%run other.ipynb')).text(), 'from the other\n');
    assert.equal(
      (await ok('%notebook all.ipynb\ninner, "inner = 6" in open("all.ipynb").read()')).result,
      '(42, True)',
    );
  });

  it("that a cell installs can be imported by its next line, by child processes and after a reset, and pip's lines are shown", async () => {
    const cell = await ok('%pip install six==1.16.0\nimport six\nprint(six.__version__, six.__file__)');
    assert.match(
      cell.text(),
      /Collecting six[^]*Successfully installed six-1\.16\.0\n1\.16\.0 \/opt\/sandboxed-ipython-libraries\/current\/lib\/.*six\.py\n$/,
    );
    assert.deepEqual(
      sandbox.session.installed.filter((requirement) => requirement.startsWith('six')),
      ['six==1.16.0'],
    );
    await sandbox.session.reset({ files: 'clear' });
    assert.equal(
      (
        await ok(
          'import six, subprocess, sys\nsubprocess.check_output([sys.executable, "-c", "import six; print(six.__version__)"], text=True).strip()',
        )
      ).result,
      "'1.16.0'",
    );
  });

  it('are found by helper processes that a library starts with the flags of its own Python', async () => {
    const cell = await ok(
      '%pip install joblib\nfrom joblib import Parallel, delayed\nprint(Parallel(n_jobs=2)(delayed(pow)(i, 2) for i in range(4)))',
    );
    assert.match(cell.text(), /\[0, 1, 4, 9\]\n$/);
    assert.equal(cell.text('stderr'), '');
    const next = await ok('import time\ntime.sleep(1)');
    assert.equal(next.text('stderr'), '');
  });

  it('that a process of the cell installs with pip can be imported by the next line of the cell', async () => {
    const cell = await ok(
      'import subprocess, sys\nsubprocess.check_call([sys.executable, "-m", "pip", "install", "humanize==4.9.0"])\nimport humanize\nprint(humanize.__version__)',
    );
    assert.match(cell.text(), /Successfully installed humanize-4\.9\.0\n4\.9\.0\n$/);
    assert.match((await ok('%%bash\npip install no-such-package-of-this-check-1 || echo failed')).text(), /failed/);
    assert.match(
      (await ok('!pip install humanize==4.10.0 | grep Successfully')).text(),
      /Successfully installed humanize-4\.10\.0/,
    );
    assert.equal(await installed('humanize'), "'4.10.0'");
  });

  it('that forward the output of C code show it once, and cause no error in later cells', async () => {
    await ok('%pip install wurlitzer\n%load_ext wurlitzer');
    const cell = await ok('import ctypes\nctypes.CDLL(None).puts(b"from C")\nprint("from Python")');
    assert.equal(cell.text('stderr'), '');
    assert.deepEqual(cell.text().split('\n').sort(), ['', 'from C', 'from Python']);
    await ok(
      'from wurlitzer import pipes\nwith pipes() as (out, err): ctypes.CDLL(None).puts(b"kept")\nassert out.read() == "kept\\n"',
    );
    await ok('%unload_ext wurlitzer');
  });

  it('are upgraded if requested, and stay if they already satisfy the requirement', async () => {
    const cell = await ok('!pip install -U six toolz');
    assert.match(cell.text(), /Successfully uninstalled six-1\.16\.0[^]*Successfully installed .*toolz/);
    assert.match((await ok('!{__import__("sys").executable} -m pip install six')).text(), /already satisfied: six/);
    assert.notEqual(await installed('six'), "'1.16.0'");
    assert.match((await ok('%pip list')).text(), /toolz/);
  });

  it("that do not exist are reported with pip's own reason", async () => {
    const cell = await sandbox.run('%pip install no-such-package-of-sandboxed-ipython');
    assert.equal(cell.reply.ename, 'InstallFailed');
    assert.match(cell.reply.evalue, /No matching distribution found for no-such-package-of-sandboxed-ipython/);
    const failed = await sandbox.run('!pip install no-such-package-of-sandboxed-ipython==1\n_exit_code');
    assert.equal(failed.result, '1');
    assert.match(failed.text('stderr'), /No matching distribution found for no-such-package-of-sandboxed-ipython==1/);
  });

  it('that have no wheel are built from their source distribution, in a container without a network, a volume or a file of the user', async () => {
    const builders: Promise<ContainerInspectInfo>[] = [];
    const events = (await docker.getEvents({ filters: { type: ['container'], event: ['start'] } })) as Readable;
    events.on('data', (line: Buffer) => {
      const { Actor } = JSON.parse(line.toString()) as { Actor: { ID: string; Attributes: { name: string } } };
      if (Actor.Attributes.name.startsWith('sandboxed-ipython-sdist-')) {
        builders.push(docker.getContainer(Actor.ID).inspect());
      }
    });
    try {
      const cell = await ok('%pip install docopt==0.6.2\nimport docopt\ndocopt.__version__');
      assert.match(
        cell.text(),
        /^Built docopt-0\.6\.2-py2\.py3-none-any\.whl from its source distribution, without a network$/m,
      );
      assert.equal(cell.result, "'0.6.2'");
    } finally {
      events.destroy();
    }
    const [builder, ...others] = await Promise.all(builders);
    assert.ok(builder !== undefined && others.length === 0);
    const { HostConfig: host, Config: config, Mounts: mounts } = builder;
    assert.deepEqual(
      [host.NetworkMode, host.ReadonlyRootfs, host.Privileged, host.CapAdd ?? [], host.SecurityOpt, mounts],
      ['none', true, false, [], ['no-new-privileges'], []],
    );
    const dropped = (host.CapDrop ?? []) as string[]; // Podman lists them one by one
    assert.ok(
      dropped.includes('ALL') || ['CHOWN', 'DAC_OVERRIDE', 'NET_RAW', 'SETUID'].every((one) => dropped.includes(one)),
      dropped.join(),
    );
    assert.deepEqual(
      (config.Env ?? []).filter(
        // variables of the image and of Podman
        (variable) => !/^(?:PATH|LANG|PYTHON_\w+|GPG_KEY|TERM|container|HOSTNAME|HOME)=/.test(variable),
      ),
      [],
    );
    await until('the container of the build is gone', async () => !(await containerExists(builder.Id)));
  });

  it('that need a compiler for their source are reported with the reason', async () => {
    const cell = await sandbox.run('%pip install pycrypto==2.6.1');
    assert.match(
      cell.reply.evalue,
      /"problem":"source","requirement":"pycrypto==2\.6\.1","reason":"RuntimeError: autoconf error"/,
    );
    assert.equal(await installed('docopt'), "'0.6.2'");
  });

  it('can be installed by a line that does more than call pip, and output of other pip commands goes through a pipe', async () => {
    const cell = await ok('!pip install six && echo done\nprint(_exit_code)\n!pip list | head -1');
    assert.match(cell.text(), /already satisfied: six[^]*\ndone\s+0\s+Package +Version/);
  });

  it('can be installed by the user while a cell runs, which can import them at once', async () => {
    const { msgId, reply } = sandbox.session.execute(
      'import importlib, time\nwhile importlib.util.find_spec("tinydb") is None: time.sleep(0.05)\nimport tinydb\nprint("there")',
    );
    await sandbox.begun(msgId);
    const lines: string[] = [];
    await sandbox.session.install(['tinydb'], { onOutput: (line) => lines.push(line) });
    assert.ok(
      lines.some((line) => line.startsWith('Successfully installed')),
      lines.join('\n'),
    );
    assert.equal((await reply).status, 'ok');
  });

  it('cannot be changed by a cell, which still has no network', async () => {
    const cell = await ok(
      [
        'import os, socket, errno',
        'def word(work):',
        '    try: work()',
        '    except OSError as error: return errno.errorcode[error.errno]',
        '    return "done"',
        'at = "/opt/sandboxed-ipython-libraries"',
        'print(word(lambda: open(at + "/x", "w")), word(lambda: os.unlink(at + "/current")), word(lambda: open(__import__("six").__file__, "a")))',
        'print(sorted(name for _, name in socket.if_nameindex()), word(lambda: socket.create_connection(("192.0.2.1", 80), 1)))',
      ].join('\n'),
    );
    assert.match(cell.text(), /^EROFS EROFS (?:EROFS|EACCES)\n\['lo'\] ENETUNREACH\n$/);
  });

  it('whose install is interrupted are absent, the installer is gone, and the next install works', async () => {
    const { msgId, reply } = sandbox.session.execute(`%pip install ${LARGE}`);
    await sandbox.printed(msgId, 'Collecting');
    await sandbox.session.interrupt(msgId);
    assert.equal((await reply).ename, 'KeyboardInterrupt');
    await until('the installer is gone', async () => !(await containerExists(installer())));
    assert.equal((await ok(`import importlib.util\nimportlib.util.find_spec("${LARGE}") is None`)).result, 'True');
    await ok('%pip install colorama\nimport colorama, six');
    assert.deepEqual(
      (
        await ok(
          'import os; sorted(name for name in os.listdir("/opt/sandboxed-ipython-libraries") if not name.isdigit())',
        )
      ).result,
      "['current']",
    );
  });

  it('over the limit are not installed at all', async () => {
    await fails(install(['babel'], { limit: 8 * 2 ** 20 }), 'InstallTooLarge');
    assert.equal(
      (await ok('import importlib.util\nimportlib.util.find_spec("babel") is None, __import__("six").__name__')).result,
      "(True, 'six')",
    );
  });

  it('are requested only by name, whatever a cell sends', async () => {
    const ask = (requirement: string) =>
      sandbox.run(
        [
          'from types import SimpleNamespace as N',
          `get_ipython().sandbox.installs._ask(N(requirements=[${JSON.stringify(requirement)}], options=[], quiet=False))`,
        ].join('\n'),
      );
    for (const requirement of ['--index-url=http://192.0.2.1/', '/etc/passwd', 'six @ http://192.0.2.1/six.whl']) {
      const cell = await ask(requirement);
      assert.match(cell.reply.evalue, /InstallRefused/, requirement);
    }
    assert.ok(!sandbox.session.installed.some((one) => /[:@/]/.test(one)));
  });

  it('that are hostile run no code in the installer, which has a network, and cannot choose its index', async () => {
    const libraries = newVolume();
    await install(['six'], { libraries });
    const plant = [
      'import glob, os',
      'site = glob.glob("/v/current/lib/python3*/site-packages")[0]',
      'mark = "open(\\"/opt/sandboxed-ipython-libraries/ran-%s\\", \\"w\\")"',
      'for name in ("sitecustomize.py", "usercustomize.py", "keyring.py", "truststore.py", "_distutils_hack.py", "packaging.py", "argparse.py"): open(site + "/" + name, "w").write(mark % name)',
      'open(site + "/evil.pth", "w").write("import os; " + mark % "pth")',
      'open("/v/current/pip.conf", "w").write("[global]\\nindex-url = http://127.0.0.1:1/simple\\n")',
    ].join('\n');
    const [interpreter = ''] = (await docker.getImage(image).inspect()).Config.Entrypoint as string[];
    const hostile = await docker.createContainer({
      Image: image,
      Entrypoint: [interpreter, '-I', '-c'],
      Cmd: [plant],
      User: '0:0',
      HostConfig: { Binds: [`${libraries}:/v`], NetworkMode: 'none' },
    });
    try {
      await hostile.start();
      assert.equal(((await hostile.wait()) as { StatusCode: number }).StatusCode, 0);
    } finally {
      await hostile.remove({ force: true });
    }
    const lines = await install(['toolz'], { libraries });
    assert.ok(
      lines.some((line) => line.startsWith('Successfully installed toolz')),
      lines.join('\n'),
    );
    const look = startSession(engine, image);
    const session = startSession(engine, image, {}, { previous: { libraries, installed: [] } });
    await look.session.started;
    assert.equal(
      (
        await session.run(
          'import os, toolz; [n for n in os.listdir("/opt/sandboxed-ipython-libraries") if n.startswith("ran")]',
        )
      ).result,
      '[]',
    );
    assert.equal((await look.run('import importlib.util; importlib.util.find_spec("toolz") is None')).result, 'True');
  });

  it('of a sandbox whose window was killed are removed a week after they were first seen unused; those of an open notebook and of others never are', async () => {
    const days = (count: number): string => new Date(Date.now() - count * 24 * 3600_000).toISOString();
    const owner = `sweep-${process.pid}`;
    const labels = (created: string, of: string) => ({
      'sandboxed-ipython.version': '3',
      'sandboxed-ipython.owner': of,
      'sandboxed-ipython.created': created,
    });
    const made: string[] = [];
    const volume = async (created: string, of = owner) => {
      const Name = newVolume();
      made.push(Name);
      await docker.createVolume({ Name, Labels: labels(created, of) });
      return Name;
    };
    const marked = async (name: string, since: string) => {
      made.push(`${name}-unused`);
      await docker.createVolume({
        Name: `${name}-unused`,
        Labels: { ...labels(since, owner), 'sandboxed-ipython.unused': name },
      });
    };
    const [old, left, fresh, held, anothers, waiting] = [
      await volume(days(30)),
      await volume(days(30)),
      await volume(days(0)),
      await volume(days(30)),
      await volume(days(30), 'somebody else'),
      await volume(days(30)),
    ];
    for (const [name, since] of [
      [left, days(8)],
      [held, days(8)],
      [waiting, days(6)],
    ] as const) {
      await marked(name, since);
    }
    const other = await connect();
    other.holdLibraries(held);
    // it was unused until this sandbox gets it
    const used = specification(image, { owner, libraries: await volume(days(30)) });
    await marked(used.libraries, days(8));
    const id = await other.create(used);
    try {
      await until(
        'what nobody has used for a week is gone',
        async () => !(await volumeExists(left)) && !(await volumeExists(`${left}-unused`)),
      );
      await until('what is unused now is marked', () => volumeExists(`${old}-unused`));
      await until(
        'what is used is marked no more',
        async () => !(await volumeExists(`${held}-unused`)) && !(await volumeExists(`${used.libraries}-unused`)),
      );
      for (const name of [old, fresh, held, anothers, waiting, `${waiting}-unused`, used.libraries]) {
        assert.equal(await volumeExists(name), true, name);
      }
      assert.equal(await volumeExists(`${fresh}-unused`), false);
    } finally {
      await other.remove(id);
      await other.removeAll(owner);
      other.dispose();
      for (const name of [...made, `${old}-unused`]) {
        await docker
          .getVolume(name)
          .remove()
          .catch(() => undefined);
      }
    }
  });

  it('of a sandbox that is replaced are passed to the next sandbox, and are removed with the last one', async () => {
    const first = startSession(engine, image);
    await first.session.install(['six']);
    const { libraries } = first.session;
    await first.session.dispose({ keepLibraries: true });
    assert.equal(await volumeExists(libraries), true);
    const second = startSession(engine, image, {}, { previous: first.session });
    assert.deepEqual(second.session.installed, ['six']);
    assert.equal((await second.run('import six; six.__name__')).result, "'six'");
    const installing = second.session.install([LARGE]).catch((error: unknown) => error);
    await sleep(300);
    await second.session.dispose();
    assert.equal(((await installing) as SandboxError).code, 'Cancelled');
    assert.equal(await volumeExists(libraries), false);
  });
});
