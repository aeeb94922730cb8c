import type { ImageRequest } from '../engine';
import type { Progress } from '../progress';
import { redact } from '../redact';
import type { BuildContainer } from './build-container';
import type { ImageContext } from './context';
import { baseUnusable, imageFailed } from './failures';
import { LEND, LENT_FOLDER, lentInput, pipNetwork } from './install-network';
import { pipProgress, pipReason } from './pip-output';
import { lastLine, probePython, type Python } from './python';
import { IPYTHON_REQUIREMENTS } from './tags';

/** Wheels are unpacked on disk (a tmpfs would have to hold the largest), and gone before the commit. */
const SCRATCH = '/var/tmp/sandboxed-ipython';
/** The image is a copy that nothing but pip changes, also where a distribution's own tool should be asked. */
const PIP_AS_ROOT = { PIP_BREAK_SYSTEM_PACKAGES: '1', PIP_ROOT_USER_ACTION: 'ignore' };

/** Files for pip: what is lent to it, and the constraints on the command line. */
const PREPARE = `${LEND}
os.makedirs("${SCRATCH}", 0o700, exist_ok=True)
with open("${LENT_FOLDER}/constraints.txt", "w") as file:
    file.write(sys.argv[1])
`;
/** Installs the pip that ensurepip brings. Debian's ensurepip itself refuses to do that for the system's Python. */
const ADD_PIP = `
import ensurepip, glob, os, subprocess, sys, sysconfig
folders = [os.path.join(os.path.dirname(ensurepip.__file__), "_bundled"), sysconfig.get_config_var("WHEEL_PKG_DIR") or "/usr/share/python-wheels"]
wheels = [wheel for folder in folders for wheel in sorted(glob.glob(os.path.join(folder, "pip-*.whl")))]
if not wheels:
    sys.exit("it has neither pip nor a pip in ensurepip")
sys.exit(subprocess.call([sys.executable, "-I", os.path.join(wheels[0], "pip"), "install", "--no-index", "--ignore-installed", "--no-cache-dir", "--disable-pip-version-check", wheels[0]]))
`;
/** Some images ship a standard library without byte code, which a read-only sandbox would compile at every start. */
const FINISH = `
import compileall, re, shutil, sys
shutil.rmtree("${SCRATCH}", ignore_errors=True)
compileall.compile_dir(sys.argv[1], quiet=2, rx=re.compile(r"[\\\\/](site-packages|dist-packages|test|tests|idlelib|lib2to3)[\\\\/]"))
`;

/** Installs IPython, unless it is there, and the packages; offline if there is nothing to install. */
export async function installPackages(context: ImageContext, container: BuildContainer, request: ImageRequest, progress: Progress, signal?: AbortSignal): Promise<void> {
  progress.step('checkingBase');
  const python = await probePython(container, request.base, signal);
  const missing = [...IPYTHON_REQUIREMENTS.filter((requirement) => !(requirement.startsWith('ipython') ? python.ipython : python.inline)), ...request.packages];
  if (missing.length > 0) {
    if (!python.pip) await addPip(container, python, request.base, signal);
    await pipInstall(context, container, python, missing, request, progress, signal);
  }
  await container.run([python.executable, '-I', '-c', FINISH, python.stdlib], { name: 'run compile', signal });
}

async function addPip(container: BuildContainer, python: Python, base: string, signal: AbortSignal | undefined): Promise<void> {
  if (!python.ensurepip) throw baseUnusable(base, 'noPip', 'it has neither pip nor ensurepip');
  const { exitCode, stderr, stdout } = await container.run([python.executable, '-I', '-c', ADD_PIP], { name: 'run ensurepip', env: PIP_AS_ROOT, signal });
  if (exitCode !== 0) throw baseUnusable(base, 'noPip', lastLine(stderr) || lastLine(stdout) || 'ensurepip failed');
}

async function pipInstall(
  { log }: ImageContext, container: BuildContainer, python: Python, requirements: readonly string[], request: ImageRequest, progress: Progress, signal: AbortSignal | undefined,
): Promise<void> {
  progress.step('installingPackages');
  const { network } = request;
  const prepared = await container.run([python.executable, '-I', '-c', PREPARE, python.ipython ? `ipython==${python.ipython}\n` : ''], {
    name: 'run lend', input: lentInput(network), signal,
  });
  if (prepared.exitCode !== 0) throw imageFailed(request.base, 'installingPackages', lastLine(prepared.stderr));
  const proxies = new Set(Object.entries(network.proxies).flatMap(([name, value]) => (/^no_proxy$/i.test(name) ? [] : redact(value))));
  log.info(`engine: pip goes ${proxies.size === 0 ? 'without a proxy' : `through ${[...proxies].join(', ')}`}`);
  let last = '';
  const { exitCode, stdout, stderr } = await container.run([
    python.executable, '-I', '-m', 'pip', 'install', '--only-binary', ':all:', '--no-cache-dir', '--no-input', '--progress-bar', 'off',
    '--disable-pip-version-check', '--constraint', `${LENT_FOLDER}/constraints.txt`, '--', ...requirements,
  ], {
    name: 'run pip', env: { ...pipNetwork(network), ...PIP_AS_ROOT, HOME: SCRATCH, TMPDIR: SCRATCH, PYTHONUNBUFFERED: '1' },
    signal,
    onLine: (line) => {
      const detail = pipProgress(line);
      if (detail !== undefined && detail !== last) progress.step('installingPackages', detail);
      last = detail ?? last;
    },
  });
  if (exitCode !== 0) throw imageFailed(request.base, 'installingPackages', pipReason(`${stdout}\n${stderr}`));
}
