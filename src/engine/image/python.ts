import type { BuildContainer } from './build-container';
import { baseUnusable } from './failures';

/** Properties of a base image's Python. */
export interface Python {
  /** Absolute path. */
  executable: string;
  pip: boolean;
  ensurepip: boolean;
  /** Version; '' = not installed. */
  ipython: string;
  inline: boolean;
  nbformat: boolean;
  /** Folder of the standard library. */
  stdlib: string;
}

const MIN_PYTHON = [3, 9] as const;
const MIN_IPYTHON = 8;

/** Runs under any Python 3, so that a version that is too old can be reported. */
const PROBE = `
import json, sys
def probe():
    found = {"version": list(sys.version_info[:3]), "executable": sys.executable}
    if sys.version_info < (${MIN_PYTHON.join(', ')}):
        return found
    import importlib.metadata, importlib.util, sysconfig
    has = lambda name: importlib.util.find_spec(name) is not None
    try:
        ipython = importlib.metadata.version("ipython") if has("IPython") else ""
    except importlib.metadata.PackageNotFoundError:
        import IPython
        ipython = IPython.__version__
    found.update(pip=has("pip"), ensurepip=has("ensurepip"), ipython=ipython, inline=has("matplotlib_inline"), nbformat=has("nbformat"), stdlib=sysconfig.get_path("stdlib"))
    return found
print(json.dumps(probe()))
`;

/** @throws SandboxError `BaseUnusable` if there is no Python 3.9 or later, or an IPython before 8 */
export async function probePython(container: BuildContainer, base: string, signal?: AbortSignal): Promise<Python> {
  const { exitCode, stdout, stderr } = await container.run([container.interpreter, '-I', '-c', PROBE], {
    name: 'run probe',
    signal,
  });
  const answer = exitCode === 0 ? parse(stdout) : undefined;
  if (!answer) {
    throw baseUnusable(
      base,
      'noPython',
      lastLine(stderr) || lastLine(stdout) || `${container.interpreter} ended with exit code ${exitCode}`,
    );
  }
  const [major = 0, minor = 0] = answer.version;
  if (major < MIN_PYTHON[0] || (major === MIN_PYTHON[0] && minor < MIN_PYTHON[1])) {
    throw baseUnusable(base, 'oldPython', `it has Python ${answer.version.join('.')}`, {
      found: answer.version.join('.'),
      needed: MIN_PYTHON.join('.'),
    });
  }
  if (answer.ipython && Number.parseInt(answer.ipython, 10) < MIN_IPYTHON) {
    throw baseUnusable(base, 'oldIPython', `it has IPython ${answer.ipython}`, {
      found: answer.ipython,
      needed: String(MIN_IPYTHON),
    });
  }
  return answer;
}

function parse(text: string): (Python & { version: number[] }) | undefined {
  try {
    const found = JSON.parse(text.trim().split('\n').pop() ?? '') as Partial<Python & { version: number[] }>;
    if (typeof found.executable !== 'string' || !found.executable.startsWith('/') || !Array.isArray(found.version)) {
      return undefined;
    }
    return {
      executable: found.executable,
      version: found.version,
      pip: found.pip === true,
      ensurepip: found.ensurepip === true,
      ipython: String(found.ipython ?? ''),
      inline: found.inline === true,
      nbformat: found.nbformat === true,
      stdlib: String(found.stdlib ?? ''),
    };
  } catch {
    return undefined;
  }
}

export const lastLine = (text: string): string => text.trim().split(/\r?\n/).pop()?.trim() ?? '';
