import type { ImageRequest } from '../engine';
import type { Progress } from '../progress';
import type { BuildContainer } from './build-container';
import type { ImageContext } from './context';
import { baseUnusable } from './failures';
import { PIP_AS_ROOT, Pip, SCRATCH } from './pip';
import { lastLine, probePython, type Python } from './python';
import { IPYTHON_REQUIREMENTS, NBFORMAT } from './tags';

/** Installs pip from the wheel of ensurepip. Debian's own ensurepip refuses to do that for the system's Python. */
const ADD_PIP = `
import ensurepip, glob, os, subprocess, sys, sysconfig
folders = [os.path.join(os.path.dirname(ensurepip.__file__), "_bundled"), sysconfig.get_config_var("WHEEL_PKG_DIR") or "/usr/share/python-wheels"]
wheels = [wheel for folder in folders for wheel in sorted(glob.glob(os.path.join(folder, "pip-*.whl")))]
if not wheels:
    sys.exit("it has neither pip nor a pip in ensurepip")
sys.exit(subprocess.call([sys.executable, "-I", os.path.join(wheels[0], "pip"), "install", "--no-index", "--ignore-installed", "--no-cache-dir", "--disable-pip-version-check", wheels[0]]))
`;
/** Compiles the standard library: some images lack its byte code, and a read-only sandbox would compile it at every start. */
const FINISH = `
import compileall, re, shutil, sys
shutil.rmtree("${SCRATCH}", ignore_errors=True)
compileall.compile_dir(sys.argv[1], quiet=2, rx=re.compile(r"[\\\\/](site-packages|dist-packages|test|tests|idlelib|lib2to3)[\\\\/]"))
`;

/**
 * Installs IPython unless the base has it, the packages, and nbformat, which every Jupyter installation includes. It needs no network if
 * there is nothing to install. An image works without nbformat too, so a failure to install it is only logged.
 */
export async function installImagePackages(
  context: ImageContext,
  container: BuildContainer,
  request: ImageRequest,
  progress: Progress,
  signal?: AbortSignal,
): Promise<void> {
  progress.step('checkingBase');
  const python = await probePython(container, request.base, signal);
  const missing = [
    ...IPYTHON_REQUIREMENTS.filter(
      (requirement) => !(requirement.startsWith('ipython') ? python.ipython : python.inline),
    ),
    ...request.packages,
  ];
  const pip = new Pip(context, { container, python, request, progress, signal });
  if (missing.length > 0) {
    if (!python.pip) {
      await addPip(container, python, request.base, signal);
    }
    await pip.install(missing);
  }
  if (!python.nbformat) {
    const reason = python.pip || missing.length > 0 ? await pip.tryToAdd([NBFORMAT]) : 'its Python has no pip';
    if (reason !== undefined) {
      context.log.warn(
        `engine: ${request.base} gets no nbformat, so Plotly shows no figures and %run runs no notebook: ${reason}`,
      );
    }
  }
  await container.run([python.executable, '-I', '-c', FINISH, python.stdlib], { name: 'run compile', signal });
}

async function addPip(
  container: BuildContainer,
  python: Python,
  base: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  if (!python.ensurepip) {
    throw baseUnusable(base, 'noPip', 'it has neither pip nor ensurepip');
  }
  const { exitCode, stderr, stdout } = await container.run([python.executable, '-I', '-c', ADD_PIP], {
    name: 'run ensurepip',
    env: PIP_AS_ROOT,
    signal,
  });
  if (exitCode !== 0) {
    throw baseUnusable(base, 'noPip', lastLine(stderr) || lastLine(stdout) || 'ensurepip failed');
  }
}
