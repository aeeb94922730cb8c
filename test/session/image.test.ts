import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { pack } from 'tar-stream';
import type { Engine, ImageRequest } from '../../src/engine/engine';
import type { Progress } from '../../src/engine/progress';
import { silentLog } from '../../src/log';
import { isSandboxError, type FailureCode, type SandboxError } from '../../src/protocol/errors';
import {
  BASE,
  RUNNER,
  connect,
  containerExists,
  docker,
  imageRequest,
  runnerWith,
  until,
  usualImage,
} from './engineTools';
import { Registry } from '../support/imageRegistry';
import { Bases, namesOf } from './support/bases';

/** A base that already has IPython, so that little has to be installed. */
const READY = 'sandboxed-ipython-test/with-ipython:1';

class Steps implements Progress {
  readonly all: string[] = [];
  private readonly watchers: ((step: string) => void)[] = [];

  step(code: string, detail?: string): void {
    this.all.push(detail === undefined ? code : `${code} ${detail}`);
    for (const watcher of this.watchers) {
      watcher(this.all.at(-1) ?? '');
    }
  }

  on(watcher: (step: string) => void): void {
    this.watchers.push(watcher);
  }

  get codes(): string[] {
    return [...new Set(this.all.map((step) => step.split(' ')[0] ?? ''))];
  }
}

describe('the derived image', function () {
  this.timeout(180_000);
  let engine: Engine;
  const bases = new Bases();
  const runners: { remove(): Promise<void> }[] = [];

  before(async () => {
    engine = await connect();
    await docker.getImage(await usualImage(engine)).tag({ repo: READY.slice(0, -':1'.length), tag: '1' });
    bases.add(READY);
  });
  afterEach(async () => {
    for (const runner of runners.splice(0)) {
      await runner.remove();
    }
  });
  after(async () => {
    await bases.remove();
    engine.dispose();
  });

  /** A runner from which no image has been built yet. */
  async function newRunner(files: Readonly<Record<string, string>> = {}): Promise<string> {
    const runner = await runnerWith({ 'unique.py': `# ${randomUUID()}`, ...files });
    runners.push(runner);
    return runner.folder;
  }

  /**
   * Builds an image that is removed after the test. Checks that no container is left, whether the build succeeds or
   * fails.
   */
  async function make(
    change: Partial<ImageRequest>,
    steps = new Steps(),
    { on = engine, signal }: { on?: Engine; signal?: AbortSignal } = {},
  ): Promise<string> {
    const request = await imageRequest(change);
    const isUsual = request.base === BASE && request.packages.length === 0;
    try {
      return await on.ensureImage(request, steps, signal);
    } finally {
      const { tags, locks } = await namesOf(request);
      for (const tag of isUsual ? tags.slice(1) : tags) {
        if (request.runnerFolder !== RUNNER || !isUsual) {
          bases.add(tag);
        }
      }
      for (const lock of locks) {
        assert.equal(await containerExists(lock), false, lock);
      }
    }
  }

  async function failure(
    change: Partial<ImageRequest>,
    code: FailureCode,
    signal?: AbortSignal,
    steps = new Steps(),
  ): Promise<SandboxError> {
    try {
      await make(change, steps, signal ? { signal } : {});
    } catch (error) {
      assert.ok(isSandboxError(error, code), String(error));
      const {
        tags: [packages = '', kernel = 'sandboxed-ipython/kernel:none'],
      } = await namesOf(await imageRequest(change));
      await assert.rejects(docker.getImage(kernel).inspect(), /no such image/i);
      // it was refused before the build began
      if (['noPython', 'noPip', 'oldPython', 'oldIPython', 'volumes'].includes(String(error.params['problem']))) {
        await assert.rejects(docker.getImage(packages).inspect(), /no such image/i);
        assert.deepEqual(await docker.listContainers({ all: true, filters: { ancestor: [String(change.base)] } }), []);
      }
      return error;
    }
    throw new Error('it was made');
  }

  /** Runs Python in an image as a sandbox would start it: without arguments of the base. */
  async function inImage(image: string, code: string): Promise<string> {
    const { Config } = await docker.getImage(image).inspect();
    const [interpreter = ''] = Config.Entrypoint as string[];
    const container = await docker.createContainer({
      Image: image,
      Entrypoint: [interpreter, '-I', '-c'],
      Cmd: [code],
      User: '1234:1234',
      Tty: true,
      HostConfig: { NetworkMode: 'none' },
    });
    try {
      await container.start();
      await container.wait();
      return (await container.logs({ stdout: true, stderr: true })).toString().trim();
    } finally {
      await container.remove({ force: true });
    }
  }

  it('is built once, and is found on the engine afterwards', async () => {
    const runnerFolder = await newRunner();
    const steps = new Steps();
    const image = await make({ runnerFolder }, steps);
    assert.deepEqual(steps.codes, ['startingContainer', 'copyingRunner', 'testing', 'committing']);
    const again = new Steps();
    const started = performance.now();
    assert.equal(await make({ runnerFolder, network: { proxies: {}, certificates: undefined } }, again), image);
    assert.deepEqual(again.all, []);
    assert.ok(performance.now() - started < 1_000);
  });

  it('is rebuilt on request: the base is pulled if possible, and the old image is removed', async () => {
    const request = await imageRequest({ runnerFolder: await newRunner() });
    const name = await make({ runnerFolder: request.runnerFolder });
    const before = await engine.findImages(request);
    const steps = new Steps();
    assert.equal(await engine.rebuildImage(request, steps), name);
    bases.add(name);
    assert.ok(steps.codes.includes('pullingBase') && steps.codes.includes('testing'), steps.codes.join());
    const { derived } = await engine.findImages(request);
    assert.ok(derived && before.derived && derived !== before.derived);
    await assert.rejects(docker.getImage(before.derived).inspect(), /no such image/i);
  });

  it('starts the supervisor with an absolute path of Python and without settings of the base', async () => {
    const { Config } = await docker.getImage(await make({})).inspect();
    assert.match((Config.Entrypoint as string[]).join(' '), /^\/\S+ -I \/opt\/sandboxed-ipython\/main\.py$/);
    assert.deepEqual([Config.Cmd ?? [], Config.WorkingDir], [[], '/']);
  });

  it('has the runner, owned by root, with its byte code, and folders that everyone may write to', async () => {
    const said = await inImage(
      await make({}),
      `
import os
def show(path):
    s = os.stat(path)
    print(path, oct(s.st_mode & 0o7777), s.st_uid)
for path in ("/sandbox", "/sandbox/.interactive", "/tmp", "/opt/sandboxed-ipython", "/opt/sandboxed-ipython/main.py"): show(path)
print(any(name.endswith(".pyc") for name in os.listdir("/opt/sandboxed-ipython/sandboxed_ipython/__pycache__")))`,
    );
    assert.deepEqual(said.split(/\r?\n/), [
      '/sandbox 0o1777 0',
      '/sandbox/.interactive 0o1777 0',
      '/tmp 0o1777 0',
      '/opt/sandboxed-ipython 0o755 0',
      '/opt/sandboxed-ipython/main.py 0o644 0',
      'True',
    ]);
  });

  it('has the requested packages', async () => {
    const steps = new Steps();
    const packages = ['six==1.16.0', 'docopt==0.6.2', `idna!=0.${Date.now()}`]; // the second one has no wheel
    const image = await make({ base: READY, packages }, steps);
    assert.equal(
      await inImage(image, 'import docopt, six; print(six.__version__, docopt.__version__)'),
      '1.16.0 0.6.2',
    );
    assert.ok(steps.all.some((step) => step.startsWith('installingPackages Built docopt-0.6.2-')));
    assert.ok(steps.all.includes('installingPackages Collecting six'));
    assert.equal(await inImage(image, 'import os; print(os.path.exists("/var/tmp/sandboxed-ipython"))'), 'False');
  });

  it("gives pip's own reason if a package does not exist", async () => {
    const { params, setting } = await failure(
      { base: READY, packages: ['sandboxed-ipython-no-such-package'] },
      'ImageFailed',
    );
    assert.deepEqual([params['step'], setting], ['installingPackages', 'packages']);
    assert.match(String(params['reason']), /No matching distribution found for sandboxed-ipython-no-such-package/);
  });

  it("gives pip's own reason if the network fails", async () => {
    const base = await bases.make(
      'offline',
      'open("/etc/pip.conf", "w").write("[global]\\nindex-url = https://ada:secret@127.0.0.1:9/simple\\nretries = 1\\n")',
    );
    const { params } = await failure({ base }, 'ImageFailed');
    assert.match(
      String(params['reason']),
      /connection broken by .*Connection refused.*No matching distribution found for ipython/,
    );
    assert.doesNotMatch(String(params['reason']), /secret/);
  });

  it('accepts no option of pip as a package', async () => {
    const { params } = await failure({ base: READY, packages: ['--help'] }, 'ImageFailed');
    assert.match(String(params['reason']), /--help/);
  });

  for (const at of [
    'startingContainer',
    'checkingBase',
    'installingPackages',
    'installingPackages Collecting six',
    'copyingRunner',
    'testing',
    'committing',
  ]) {
    it(`leaves nothing behind if it is cancelled at "${at}"`, async () => {
      const cancel = new AbortController();
      const steps = new Steps();
      const isLate = at === 'copyingRunner' || at === 'testing' || at === 'committing';
      steps.on((step) => {
        if (step === at) {
          cancel.abort();
        }
      });
      await failure(
        isLate ? { runnerFolder: await newRunner() } : { base: READY, packages: ['six', `idna!=0.${Date.now()}`] },
        'Cancelled',
        cancel.signal,
        steps,
      );
    });
  }

  it('is built by one of two windows and used by both', async () => {
    const runnerFolder = await newRunner();
    const [mine, theirs] = [new Steps(), new Steps()];
    const other = await connect();
    const [image, same] = await Promise.all([
      make({ runnerFolder }, mine),
      make({ runnerFolder }, theirs, { on: other }),
    ]);
    other.dispose();
    assert.equal(image, same);
    assert.equal([...mine.all, ...theirs.all].filter((step) => step === 'testing').length, 1);
    assert.ok([...mine.codes, ...theirs.codes].includes('waitingForOther'));
  });

  it('is built by the next window if the first window is killed', async () => {
    const runnerFolder = await newRunner({ 'selftest.py': 'import time; time.sleep(8)' });
    const script = `
      globalThis.after = () => undefined; // no test runs in that process
      const { connect, imageRequest } = require(${JSON.stringify(require.resolve('./engineTools'))});
      (async () => (await connect()).ensureImage(await imageRequest({ runnerFolder: ${JSON.stringify(runnerFolder)} }), { step: (code) => console.log(code) }))();
    `;
    const window = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    const seen: string[] = [];
    for await (const line of createInterface({ input: window.stdout })) {
      if (seen.push(line) && line === 'testing') {
        break;
      }
    }
    assert.equal(seen.at(-1), 'testing');
    window.kill('SIGKILL');
    await once(window, 'exit');
    const steps = new Steps();
    await make({ runnerFolder }, steps);
    assert.ok(steps.codes.includes('committing'));
  });

  it("is refused if the runner's self-test fails in it", async () => {
    const runnerFolder = await newRunner({
      'selftest.py': 'import sys; sys.stderr.write("noise\\nno plot came out\\n"); sys.exit(1)',
    });
    const { params } = await failure({ runnerFolder }, 'BaseUnusable');
    assert.deepEqual(params, { image: BASE, problem: 'selfTest', reason: 'no plot came out' });
  });

  it('keeps the IPython of the base, without using the network', async () => {
    const version = 'import IPython; print(IPython.__version__)';
    const steps = new Steps();
    const image = await make({ base: READY, runnerFolder: await newRunner() }, steps);
    assert.equal(await inImage(image, version), await inImage(READY, version));
    assert.ok(!steps.codes.includes('installingPackages'));
    const { params } = await failure({ base: READY, packages: ['ipython==8.18.1'] }, 'ImageFailed');
    assert.match(String(params['reason']), /conflict/i);
  });

  it('has nbformat, and does not replace packages of the base for it', async () => {
    const image = await make({ packages: ['attrs==21.4.0'] });
    assert.equal(
      await inImage(
        image,
        'import attr, nbformat.v4; nbformat.validate(nbformat.v4.new_notebook()); print(attr.__version__)',
      ),
      '21.4.0',
    );
  });

  it('is built without nbformat if that cannot be installed, and the log says why', async () => {
    const base = await bases.make(
      'no-nbformat',
      `
import subprocess, sys
subprocess.check_call([sys.executable, "-m", "pip", "uninstall", "--yes", "--break-system-packages", "nbformat"])
open("/etc/pip.conf", "w").write("[global]\\nindex-url = https://127.0.0.1:9/simple\\n")`,
      [],
      READY,
    );
    const said: string[] = [];
    const other = await connect(process.env, { ...silentLog, warn: (message) => said.push(message) });
    try {
      const image = await make({ base }, new Steps(), { on: other });
      assert.equal(await inImage(image, 'import importlib.util as u; print(u.find_spec("nbformat"))'), 'None');
      assert.match(
        said.join('\n'),
        /sandboxed-ipython-test\/no-nbformat:1 gets no nbformat, .*: .*No matching distribution found for nbformat/,
      );
    } finally {
      other.dispose();
    }
  });

  it('is refused for a base without Python', async () => {
    const archive = pack();
    archive.entry({ name: 'hello.txt' }, 'hello');
    archive.finalize();
    const base = 'sandboxed-ipython-test/empty:1';
    bases.add(base);
    const answer = await docker.importImage(archive as unknown as NodeJS.ReadableStream, {
      repo: 'sandboxed-ipython-test/empty',
      tag: '1',
    });
    await once(answer.resume(), 'end');
    const { params, setting } = await failure({ base }, 'BaseUnusable');
    assert.deepEqual([params['image'], params['problem'], setting], [base, 'noPython', 'image']);
  });

  it('is refused for a base whose Python cannot install packages, before anything is installed', async () => {
    const base = await bases.make(
      'no-pip',
      `
import ensurepip, pip, shutil
for module in (pip, ensurepip): shutil.rmtree(module.__path__[0])`,
    );
    assert.equal((await failure({ base }, 'BaseUnusable')).params['problem'], 'noPip');
  });

  it('is refused for a base with an IPython that is too old', async () => {
    const base = await bases.make(
      'old-ipython',
      `
import os, sysconfig
site = sysconfig.get_path("purelib")
for folder in ("IPython", "ipython-7.34.0.dist-info"): os.makedirs(os.path.join(site, folder))
open(os.path.join(site, "IPython", "__init__.py"), "w").close()
with open(os.path.join(site, "ipython-7.34.0.dist-info", "METADATA"), "w") as file: file.write("Metadata-Version: 2.1\\nName: ipython\\nVersion: 7.34.0\\n")`,
    );
    assert.deepEqual((await failure({ base }, 'BaseUnusable')).params, {
      image: base,
      problem: 'oldIPython',
      reason: 'it has IPython 7.34.0',
      found: '7.34.0',
      needed: '8',
    });
  });

  it('is refused for a base with volumes, because nothing would limit their size', async () => {
    const base = await bases.make('volume', 'pass', ['VOLUME /data']);
    assert.equal((await failure({ base }, 'BaseUnusable')).params['found'], '/data');
  });

  it("gives the engine's own reason if the base cannot be pulled", async () => {
    const { params } = await failure({ base: 'localhost:1/nobody/nothing:1' }, 'ImageFailed');
    assert.equal(params['step'], 'pullingBase');
    assert.match(String(params['reason']), /localhost:1|connection refused/i);
  });

  describe('from a base that the engine does not have', () => {
    let registry: Registry;
    beforeEach(async function () {
      if (!(process.env['DOCKER_HOST'] ?? 'unix:').startsWith('unix:')) {
        this.skip();
      } // the registry is on this machine's loopback
      registry = await Registry.start();
    });
    afterEach(async () => {
      registry.close();
      await docker
        .getImage(registry.image)
        .remove({ force: true })
        .catch(() => undefined);
    });

    it('pulls the base, and reports the progress by layer', async () => {
      const steps = new Steps();
      await assert.rejects(
        make({ base: registry.image }, steps),
        (error) => isSandboxError(error, 'BaseUnusable') && error.params['problem'] === 'noPython',
      );
      assert.equal(steps.all[0], `pullingBase ${registry.image}`);
      assert.ok(steps.all.includes(`pullingBase ${registry.image} (2/2, 4/4 MB)`), steps.all.join('\n'));
    });

    it("gives the registry's reason if the base does not exist there", async () => {
      const { params } = await failure({ base: registry.image.replace(/:1$/, ':2') }, 'ImageFailed');
      assert.match(String(params['reason']), /manifest unknown/);
    });

    it('ends the pull if it is cancelled', async () => {
      registry.slow = true;
      const cancel = new AbortController();
      const steps = new Steps();
      steps.on((step) => {
        if (/\d\/4 MB/.test(step)) {
          cancel.abort();
        }
      });
      await failure({ base: registry.image }, 'Cancelled', cancel.signal, steps);
      await until('the engine to drop the download', () => registry.open === 0);
    });
  });
});
