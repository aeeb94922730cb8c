import { randomUUID } from 'node:crypto';
import type { ProcessResult } from './exec';
import { BuildContainer } from './image/build-container';
import type { ImageContext } from './image/context';
import { networkTrouble, pipReason } from './image/pip-output';
import { lastLine } from './image/python';

/** Exit code of `sdist.py fetch` if the package index has no source distribution. */
const NO_SDIST_EXIT_CODE = 77;
/** Maximum number of packages that one installation builds. */
const MAX_BUILDS = 10;
/** Maximum size of a source distribution, and of the wheel that is built from it. */
const MAX_SOURCE_BYTES = 128 * 2 ** 20;
const MAX_WHEEL_BYTES = 64 * 2 ** 20;
const MEMORY_BYTES = 2 * 2 ** 30;
/** The user "nobody", who owns no files. */
const BUILD_USER = '65534:65534';
/** Valid file name of a wheel (binary distribution format). Checked because a file gets this name. */
const WHEEL_NAME = /^[A-Za-z0-9_.+!]+(-[A-Za-z0-9_.+!]+){4,5}\.whl$/;

export interface SourceOptions {
  /** The container in which pip runs. It has a network and runs no code of packages. */
  container: BuildContainer;
  /** The Python of the container's image that has pip. */
  python: string;
  /** Arguments with which Python runs `runner/sdist.py`. */
  program: readonly string[];
  /** Folder in the container for the wheels that are built. */
  wheelsFolder: string;
  /** Environment of the process that downloads from the package index. */
  env: Readonly<Record<string, string>>;
  /** Called with a line for the user when a wheel has been built. */
  onLine: (line: string) => void;
  signal: AbortSignal | undefined;
}

/** Thrown if a package has no wheel and none could be built from its source distribution. */
export class SourceFailed extends Error {
  constructor(
    readonly requirement: string,
    readonly reason: string,
  ) {
    super(`${requirement} has no wheel, and none could be built from its source: ${reason}`);
  }
}

/** Thrown if no wheel could be built. The message is the reason. */
class NoWheel extends Error {}

/** Python program that stores a wheel from stdin in a folder: `STORE FOLDER NAME`. */
const STORE = `
import os, sys
os.makedirs(sys.argv[1], exist_ok=True)
with open(os.path.join(sys.argv[1], os.path.basename(sys.argv[2])), "wb") as file:
    file.write(sys.stdin.buffer.read())
`;

/** The first requirement that has no wheel, according to pip's output. Its form is checked, because other programs may have written it. */
export const requirementWithoutWheel = (output: string): string | undefined =>
  /^ERROR: No matching distribution found for ([A-Za-z0-9][A-Za-z0-9._-]{0,99}(?:\[[A-Za-z0-9._,-]{1,100}\])?(?:[ ]?[<>=!~][<>=!~A-Za-z0-9.*+, ]{0,200})?)\s*(?:\(from .*)?$/m
    .exec(output)?.[1]
    ?.trim();

/**
 * Runs pip, which installs only wheels. If pip lacks the wheel of a package that has a source distribution, the wheel is built and pip
 * runs again. The package's code runs in a container of its own, without a network, a volume or a file of the user. The data passes from
 * one container to the other through this process. See `runner/sdist.py`.
 * @param attempt runs pip; `wheelsFolder` is an additional folder with wheels, undefined while there are none
 * @returns the result of the last attempt
 * @throws SourceFailed if a wheel cannot be built
 */
export async function installWithSources(
  context: ImageContext,
  attempt: (wheelsFolder: string | undefined) => Promise<ProcessResult>,
  options: SourceOptions,
): Promise<ProcessResult> {
  const built = new Set<string>();
  for (;;) {
    const result = await attempt(built.size === 0 ? undefined : options.wheelsFolder);
    const output = `${result.stdout}\n${result.stderr}`;
    const isOffline = networkTrouble(pipReason(output)) !== undefined; // without a network pip finds no wheel either
    const requirement = result.exitCode === 1 && !isOffline ? requirementWithoutWheel(output) : undefined;
    if (requirement === undefined || built.has(requirement) || built.size === MAX_BUILDS) {
      return result;
    }
    try {
      if (!(await addWheel(context, requirement, options))) {
        return result; // pip's own reason describes the problem
      }
    } catch (error) {
      throw error instanceof NoWheel ? new SourceFailed(requirement, error.message) : error;
    }
    built.add(requirement);
  }
}

/** Builds and stores the wheel of a package. False if the index has no source distribution either. @throws NoWheel */
async function addWheel(context: ImageContext, requirement: string, options: SourceOptions): Promise<boolean> {
  const { container, python, program, wheelsFolder, env, onLine, signal } = options;
  const fetched = await collect(MAX_SOURCE_BYTES, (takeStdout) =>
    container.run([python, ...program, 'fetch', requirement], { name: 'run installer', env, signal, takeStdout }),
  );
  if (fetched.exitCode === NO_SDIST_EXIT_CODE) {
    return false;
  }
  if (fetched.exitCode !== 0) {
    throw new NoWheel(reasonOf(fetched.stderr));
  }
  const { name, content } = await build(context, fetched.content, options);
  onLine(`Built ${name} from its source distribution, without a network`);
  const stored = await container.run([python, '-I', '-c', STORE, wheelsFolder, name], {
    name: 'run file preparation',
    input: [content],
    signal,
  });
  if (stored.exitCode !== 0) {
    throw new NoWheel(lastLine(stored.stderr));
  }
  return true;
}

async function build(
  context: ImageContext,
  source: Buffer,
  { container: { image, interpreter }, python, program, signal }: SourceOptions,
): Promise<{ name: string; content: Buffer }> {
  const name = `sandboxed-ipython-sdist-${randomUUID()}`;
  const builder = await BuildContainer.start(context, {
    image,
    base: image,
    name,
    network: 'none',
    signal,
    interpreters: [interpreter],
    host: {
      ReadonlyRootfs: true,
      Memory: MEMORY_BYTES,
      MemorySwap: MEMORY_BYTES,
      PidsLimit: 256,
      CapAdd: [],
      Tmpfs: {
        '/tmp': 'rw,noexec,nosuid,nodev,size=512m,mode=1777',
        '/var/tmp': 'rw,noexec,nosuid,nodev,size=16m,mode=1777',
      },
    },
  });
  if (builder === null) {
    throw new NoWheel('no container could be started for its build');
  }
  try {
    const { exitCode, stderr, content } = await collect(MAX_WHEEL_BYTES, (takeStdout) =>
      builder.run([python, ...program, 'build'], {
        name: 'run installer',
        user: BUILD_USER,
        signal,
        input: [source],
        takeStdout,
      }),
    );
    if (exitCode !== 0) {
      throw new NoWheel(reasonOf(stderr));
    }
    const end = content.indexOf('\n');
    const wheel = content.subarray(0, Math.max(0, end)).toString('latin1');
    if (!WHEEL_NAME.test(wheel)) {
      throw new NoWheel('its build made no wheel');
    }
    return { name: wheel, content: content.subarray(end + 1) };
  } finally {
    await context.requests.cleanUp(builder.remove());
  }
}

/** The last error that the build itself printed. Pip adds general errors of its own after it. */
function reasonOf(stderr: string): string {
  const lines = stderr.split(/\r?\n/).map((line) => line.trim());
  const end = lines.lastIndexOf('[end of output]');
  const errors = (end < 0 ? lines : lines.slice(0, end)).filter((line) =>
    /^(?:ERROR|error|[\w.]*(?:Error|Exception)): /.test(line),
  );
  return (errors.at(-1) ?? lastLine(stderr)).replace(/^(?:ERROR|error): /, '').slice(0, 500);
}

/**
 * Runs a process and collects the bytes of its stdout.
 * @throws NoWheel if there are more than `limit` bytes: the process is not read any further
 */
async function collect(
  limit: number,
  run: (takeStdout: (chunk: Buffer) => void) => Promise<ProcessResult>,
): Promise<ProcessResult & { content: Buffer }> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    const result = await run((chunk) => {
      size += chunk.length;
      if (size > limit) {
        throw new Error('more bytes than expected'); // it comes back as a failure of the engine
      }
      chunks.push(chunk);
    });
    return { ...result, content: Buffer.concat(chunks) };
  } catch (error) {
    throw size > limit ? new NoWheel(`it is larger than ${limit / 2 ** 20} MB`) : error;
  }
}
