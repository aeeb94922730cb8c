import assert from 'node:assert/strict';
import type { Engine } from '../../src/engine/engine';
import { silentProgress } from '../../src/engine/progress';
import { BASE, connect, imageRequest, usualImage } from './engineTools';
import { Bases, namesOf } from './support/bases';
import { endSessions, startSession } from './support/sandboxes';

/**
 * Code that moves Python below a prefix, with the layout that CPython has if no distribution changed it: `bin`,
 * `lib/pythonX.Y/site-packages`, not externally managed. This is Debian's own Python moved there: it resembles the
 * original image in its layout, and is not that image.
 * @param more Python code that continues with `prefix`, `version` and `site` (the path of site-packages)
 */
const movedTo = (prefix: string, more: string): string => `
import glob, os, re, shutil, subprocess, sys
prefix, version = "${prefix}", "python%d.%d" % sys.version_info[:2]
library, site = prefix + "/lib/" + version, prefix + "/lib/" + version + "/site-packages"
shutil.rmtree(library, ignore_errors=True)
shutil.copytree("/usr/lib/" + version, library, symlinks=True)
os.makedirs(site, exist_ok=True)
os.makedirs(prefix + "/bin", exist_ok=True)
shutil.copy("/usr/bin/" + version, prefix + "/bin/" + version)
for name in ("python3", "python"):
    os.symlink(version, prefix + "/bin/" + name)
for name in ("sysconfig.py", "sysconfig/__init__.py"):
    if os.path.exists(library + "/" + name):
        text = open(library + "/" + name).read()
        open(library + "/" + name, "w").write(re.sub("'posix_local'(?!:)", "'posix_prefix'", text))
os.remove(library + "/sitecustomize.py")
with open(library + "/sitecustomize.py", "w") as file:
    file.write("import site; site.addsitedir(%r)" % site)
if os.path.exists(library + "/EXTERNALLY-MANAGED"):
    os.remove(library + "/EXTERNALLY-MANAGED")
wheel = glob.glob("/usr/share/python-wheels/pip-*.whl")[0]
subprocess.run([prefix + "/bin/python3", wheel + "/pip", "install", "--no-index", wheel], check=True)
${more}`;

interface Case {
  /** What kind of base. */
  title: string;
  base: () => Promise<string> | string;
  packages?: readonly string[];
  /** Whether other tests use its derived image too. */
  keep?: boolean;
  /** The expected output of a cell. */
  expression: string;
  expected: RegExp;
}

/** Tests of the runner use the oldest and the newest Python. */
describe('a base image', function () {
  this.timeout(180_000);
  const bases = new Bases();
  let engine: Engine;
  /** The usual base with IPython, so that little has to be installed. */
  let ready = '';
  const images = new Map<Case, Promise<string>>();

  const cases: Case[] = [
    {
      title: "of Debian's, whose Python is managed by its packages, works without IPython",
      base: () => BASE,
      keep: true,
      expression:
        'sys.executable, os.path.exists(os.path.dirname(os.__file__) + "/EXTERNALLY-MANAGED"), IPython.__file__',
      expected: /^\/usr\/bin\/python3\S* True \/usr\/local\/lib\//,
    },
    {
      // resembles the official slim images in its layout
      title: 'with its Python below /usr/local, and none in /usr/bin, works without IPython',
      base: () =>
        bases.make(
          'usr-local',
          movedTo(
            '/usr/local',
            `
for path in glob.glob("/usr/bin/python3*") + glob.glob("/usr/bin/pip*"):
    os.remove(path)
shutil.rmtree("/usr/lib/python3")
shutil.rmtree("/usr/lib/" + version)`,
          ),
          ['ENV PATH=/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin', 'CMD ["python3"]'],
        ),
      expression: 'sys.executable, IPython.__file__',
      expected: /^\/usr\/local\/bin\/python3\S* \/usr\/local\/lib\/python3\.\d+\/site-packages\//,
    },
    {
      // resembles a conda image in its layout
      title: "of conda's, with an entrypoint that activates and a user of its own, works and keeps its IPython 8",
      base: async () => {
        const eight = await imageRequest({ packages: ['ipython<9'] });
        for (const tag of (await namesOf(eight)).tags) {
          bases.add(tag);
        }
        return bases.make(
          'conda',
          movedTo(
            '/opt/conda',
            `
for path in glob.glob("/usr/local/lib/" + version + "/dist-packages/*"):
    shutil.move(path, site)
os.makedirs(prefix + "/conda-meta")
open(prefix + "/conda-meta/history", "w").close()
with open("/usr/local/bin/_entrypoint.sh", "w") as file:
    file.write("#!/bin/bash\\n. /opt/conda/bin/activate\\nexec \\"$@\\"\\n")
os.chmod("/usr/local/bin/_entrypoint.sh", 0o755)
for folder, _, names in os.walk(prefix):
    for name in [folder, *(folder + "/" + name for name in names)]:
        os.chown(name, 1000, 100, follow_symlinks=False)`,
          ),
          [
            'ENV PATH=/opt/conda/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
            'ENV CONDA_DIR=/opt/conda',
            'USER 1000:100',
            'WORKDIR /home/jovyan',
            'ENTRYPOINT ["/usr/local/bin/_entrypoint.sh"]',
            'CMD ["/bin/bash"]',
          ],
          await engine.ensureImage(eight, silentProgress),
        );
      },
      packages: ['six'],
      expression: 'sys.executable, sys.prefix, IPython.__version__, __import__("six").__file__',
      expected:
        /^\/opt\/conda\/bin\/python3\S* \/opt\/conda 8\.\S+ \/opt\/conda\/lib\/python3\.\d+\/site-packages\/six\.py$/,
    },
    {
      title:
        'with a virtual environment without pip on its PATH, a user, an entrypoint, a command and a folder of its own works',
      base: () =>
        bases.make(
          'venv',
          'import subprocess, sys; subprocess.run([sys.executable, "-m", "venv", "--without-pip", "/venv"], check=True)',
          [
            'ENV PATH=/venv/bin:/usr/bin:/bin',
            'USER 1000',
            'ENTRYPOINT ["/bin/false"]',
            'CMD ["nonsense"]',
            'WORKDIR /nowhere/at/all',
          ],
        ),
      expression:
        'sys.executable, IPython.__file__, os.getuid() > 1000, __import__("pwd").getpwuid(os.getuid()).pw_name',
      expected: /^\/venv\/bin\/python\S* \/venv\/lib\/\S+ True sandbox$/,
    },
    {
      title: 'with IPython and without pip works',
      base: () =>
        bases.make(
          'ipython-alone',
          'import ensurepip, pip, shutil\nfor module in (pip, ensurepip): shutil.rmtree(module.__path__[0])',
          [],
          ready,
        ),
      expression: '__import__("importlib.util").util.find_spec("pip")',
      expected: /^None$/,
    },
    {
      title: "of Debian's with ensurepip, which refuses there, and without pip gets its pip from there",
      base: () => bases.make('ensurepip-alone', 'import pip, shutil; shutil.rmtree(pip.__path__[0])', [], ready),
      packages: ['six'],
      expression: '__import__("six").__file__',
      expected: /six\.py$/,
    },
  ];

  async function derive({ base, packages = [], keep = false }: Case): Promise<string> {
    const request = await imageRequest({ base: await base(), packages });
    if (!keep) {
      for (const tag of (await namesOf(request)).tags) {
        bases.add(tag);
      }
    }
    return engine.ensureImage(request, silentProgress);
  }

  before(async () => {
    engine = await connect();
    ready = await usualImage(engine);
    // All bases at once, because most of the time is spent waiting for the package index.
    for (const one of cases) {
      images.set(one, derive(one));
    }
    for (const image of images.values()) {
      image.catch(() => undefined);
    } // told by its test
  });
  afterEach(endSessions);
  after(async () => {
    await Promise.allSettled(images.values());
    await bases.remove();
    engine.dispose();
  });

  for (const one of cases) {
    it(one.title, async () => {
      const image = await images.get(one);
      assert.ok(image);
      const cell = await startSession(engine, image).run(`import IPython, os, sys; print(${one.expression})`);
      assert.equal(cell.reply.status, 'ok', cell.reply.evalue);
      assert.match(cell.text().trim(), one.expected);
    });
  }
});
