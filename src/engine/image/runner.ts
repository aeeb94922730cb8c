import type { Progress } from '../progress';
import {
  LIBRARIES_FOLDER,
  QUEUE_FOLDER,
  RUNNER_FOLDER,
  SANDBOX_HOME,
  SANDBOX_UIDS,
  SANDBOX_USER,
} from '../specification';
import type { BuildContainer } from './build-container';
import { baseUnusable, imageFailed } from './failures';
import { lastLine, probePython } from './python';
import { tarOf, type RunnerFile } from './runner-files';

/** Adds a line for each uid and gid that a sandbox can have, because nothing can be added later to its read-only root. */
const NAME_USERS = `
ids = range(${SANDBOX_UIDS.first}, ${SANDBOX_UIDS.last + 1})
for path, line in (("/etc/passwd", "${SANDBOX_USER}:x:{0}:{0}::${SANDBOX_HOME}:/bin/sh\\n"), ("/etc/group", "${SANDBOX_USER}:x:{0}:\\n")):
    with open(path, "a+b") as file:
        file.seek(0)
        text = file.read()
        there = {int(number) for number in re.findall(rb"^[^:\\n]*:[^:\\n]*:([0-9]+):", text, re.MULTILINE)}
        file.write(b"\\n" if text and not text.endswith(b"\\n") else b"")
        file.write("".join(line.format(number) for number in ids if number not in there).encode())
    os.chmod(path, 0o644)
`;

/**
 * Unpacks the runner, compiles it (a sandbox cannot write byte code), writes our own pip, and creates the mount points of the libraries and
 * of the sandbox's tmpfs, each of which takes the mode of the image's directory.
 */
const UNPACK = `
import compileall, os, re, sys, tarfile
target = "${RUNNER_FOLDER}"
os.makedirs(target, 0o755, exist_ok=True)
with tarfile.open(fileobj=sys.stdin.buffer, mode="r|") as archive:
    for member in archive:
        archive.extract(member, target)
compileall.compile_dir(target, quiet=1)
os.makedirs(target + "/bin", 0o755, exist_ok=True)
for name in ("pip", "pip3"):
    with open(target + "/bin/" + name, "w") as file:
        file.write("#!%s -I\\nimport runpy; runpy.run_path('%s/pip_shim.py', run_name='__main__')\\n" % (sys.executable, target))
    os.chmod(target + "/bin/" + name, 0o755)
os.makedirs("${LIBRARIES_FOLDER}", 0o755, exist_ok=True)
for folder in ("${SANDBOX_HOME}", "${QUEUE_FOLDER}", "/tmp"):
    os.makedirs(folder, exist_ok=True)
    os.chmod(folder, 0o1777)
${NAME_USERS}`;

/** Installs the runner and tests it, without a network. Gives the entrypoint of the image. */
export async function installRunner(
  container: BuildContainer,
  files: readonly RunnerFile[],
  base: string,
  progress: Progress,
  signal?: AbortSignal,
): Promise<string[]> {
  const { executable } = await probePython(container, base, signal);
  progress.step('copyingRunner');
  const unpacked = await container.run([executable, '-I', '-c', UNPACK], {
    name: 'run unpack',
    input: tarOf(files),
    signal,
  });
  if (unpacked.exitCode !== 0) {
    throw imageFailed(base, 'copyingRunner', lastLine(unpacked.stderr));
  }
  progress.step('testing');
  const tested = await container.run([executable, '-I', `${RUNNER_FOLDER}/selftest.py`], {
    name: 'run self-test',
    signal,
    // on a tmpfs, so that files of the test are not in the image
    env: {
      HOME: '/dev/shm',
      TMPDIR: '/dev/shm',
      LANG: 'C.UTF-8',
      MPLBACKEND: 'module://matplotlib_inline.backend_inline',
    },
  });
  if (tested.exitCode !== 0) {
    throw baseUnusable(
      base,
      'selfTest',
      lastLine(tested.stderr) || `the self-test ended with exit code ${tested.exitCode}`,
    );
  }
  return [executable, '-I', `${RUNNER_FOLDER}/main.py`];
}
