import type { ImageRequest } from '../engine';
import type { Progress } from '../progress';
import type { BuildContainer } from './build-container';
import { proxyEnvironment } from './certificates';
import type { ImageContext } from './context';
import { baseUnusable, imageFailed } from './failures';
import { pipProgress, pipReason } from './pip-output';
import { lastLine, probePython, type Python } from './python';
import { IPYTHON_REQUIREMENTS } from './tags';

/** A tmpfs that every container has: nothing in it is ever committed. */
const SECRETS = '/dev/shm/sandboxed-ipython';
/** Wheels are unpacked on disk (a tmpfs would have to hold the largest), and gone before the commit. */
const SCRATCH = '/var/tmp/sandboxed-ipython';
/** Milliseconds. */
const INSTALL_DEADLINE = 2 * 3600_000;
const COMPILE_DEADLINE = 300_000;

/** Files for pip: constraints on the command line, certificate authorities on stdin, which add to those that pip brings. */
const PREPARE = `
import os, sys
os.makedirs("${SECRETS}", 0o700, exist_ok=True)
os.makedirs("${SCRATCH}", 0o700, exist_ok=True)
with open("${SECRETS}/constraints.txt", "w") as file:
    file.write(sys.argv[1])
certificates = sys.stdin.buffer.read()
if certificates:
    try:
        from pip._vendor import certifi
        with open(certifi.where(), "rb") as file:
            certificates += b"\\n" + file.read()
    except (ImportError, OSError):
        pass
    with open("${SECRETS}/ca.pem", "wb") as file:
        file.write(certificates)
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
  await container.run([python.executable, '-I', '-c', FINISH, python.stdlib], { deadline: COMPILE_DEADLINE, signal });
}

async function addPip(container: BuildContainer, python: Python, base: string, signal: AbortSignal | undefined): Promise<void> {
  if (!python.ensurepip) throw baseUnusable(base, 'noPip', 'it has neither pip nor ensurepip');
  const { exitCode, stderr, stdout } = await container.run([python.executable, '-I', '-m', 'ensurepip'], { deadline: 120_000, signal });
  if (exitCode !== 0) throw baseUnusable(base, 'noPip', lastLine(stderr) || lastLine(stdout) || 'ensurepip failed');
}

async function pipInstall(
  { env }: ImageContext, container: BuildContainer, python: Python, requirements: readonly string[], request: ImageRequest, progress: Progress, signal: AbortSignal | undefined,
): Promise<void> {
  progress.step('installingPackages');
  const { caBundle } = request;
  const prepared = await container.run([python.executable, '-I', '-c', PREPARE, python.ipython ? `ipython==${python.ipython}\n` : ''], {
    ...(caBundle === undefined ? {} : { input: [Buffer.from(caBundle)] }), deadline: 60_000, signal,
  });
  if (prepared.exitCode !== 0) throw imageFailed(request.base, 'installingPackages', lastLine(prepared.stderr));
  const certificates = caBundle ? { PIP_CERT: `${SECRETS}/ca.pem`, SSL_CERT_FILE: `${SECRETS}/ca.pem` } : {};
  let last = '';
  const { exitCode, stdout, stderr } = await container.run([
    python.executable, '-I', '-m', 'pip', 'install', '--only-binary', ':all:', '--no-cache-dir', '--no-input', '--progress-bar', 'off',
    '--disable-pip-version-check', '--constraint', `${SECRETS}/constraints.txt`, '--', ...requirements,
  ], {
    env: { ...proxyEnvironment(env), ...certificates, HOME: SCRATCH, TMPDIR: SCRATCH, PIP_BREAK_SYSTEM_PACKAGES: '1', PIP_ROOT_USER_ACTION: 'ignore', PYTHONUNBUFFERED: '1' },
    deadline: INSTALL_DEADLINE, signal,
    onLine: (line) => {
      const detail = pipProgress(line);
      if (detail !== undefined && detail !== last) progress.step('installingPackages', detail);
      last = detail ?? last;
    },
  });
  if (exitCode !== 0) throw imageFailed(request.base, 'installingPackages', pipReason(`${stdout}\n${stderr}`));
}
