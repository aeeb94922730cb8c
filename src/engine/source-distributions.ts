import { randomUUID } from 'node:crypto';
import type { ProcessResult } from './exec';
import { BuildContainer } from './image/build-container';
import type { ImageContext } from './image/context';
import { networkTrouble, pipReason } from './image/pip-output';
import { lastLine } from './image/python';

/** Exit status of `sdist.py fetch` where the package index has no source distribution. */
const NO_SDIST = 77;
/** Packages of one installation that are built. */
const MAX_BUILDS = 10;
/** Bytes of what goes from one container to the other, and of a wheel that comes back. */
const MAX_SOURCE_BYTES = 128 * 2 ** 20;
const MAX_WHEEL_BYTES = 64 * 2 ** 20;
const MEMORY_BYTES = 2 * 2 ** 30;
/** Nobody, whom no file belongs to. */
const BUILD_USER = '65534:65534';
/** The name of a wheel's file (Binary distribution format): it becomes the name of a file. */
const WHEEL_NAME = /^[A-Za-z0-9_.+!]+(-[A-Za-z0-9_.+!]+){4,5}\.whl$/;

export interface SourceOptions {
  /** Where pip runs. It has a network and runs no code of any package. */
  container: BuildContainer;
  /** Python of the container's image that has pip. */
  python: string;
  /** `runner/sdist.py` as arguments of Python. */
  program: readonly string[];
  /** A folder of the container for the wheels that are built. */
  wheelsFolder: string;
  /** Environment of the process that asks the package index. */
  env: Readonly<Record<string, string>>;
  /** Gets a line for the user when a wheel has been built. */
  onLine: (line: string) => void;
  signal: AbortSignal | undefined;
}

/** A package has no wheel, and its source distribution gave none. */
export class SourceFailed extends Error {
  constructor(
    readonly requirement: string,
    readonly reason: string,
  ) {
    super(`${requirement} has no wheel, and none could be built from its source: ${reason}`);
  }
}

/** Its message is the reason. */
class NoWheel extends Error {}

/** Puts a wheel into a folder: `STORE FOLDER NAME`. */
const STORE = `
import os, sys
os.makedirs(sys.argv[1], exist_ok=True)
with open(os.path.join(sys.argv[1], os.path.basename(sys.argv[2])), "wb") as file:
    file.write(sys.stdin.buffer.read())
`;

/** The first requirement of which pip says that it has no wheel. Anybody may have written the text, so the form is checked. */
export const requirementWithoutWheel = (output: string): string | undefined =>
  /^ERROR: No matching distribution found for ([A-Za-z0-9][A-Za-z0-9._-]{0,99}(?:\[[A-Za-z0-9._,-]{1,100}\])?(?:[ ]?[<>=!~][<>=!~A-Za-z0-9.*+, ]{0,200})?)\s*(?:\(from .*)?$/m
    .exec(output)?.[1]
    ?.trim();

/**
 * Runs pip, which takes wheels alone; as long as it lacks the wheel of a package that has a source distribution, that is built, and pip is
 * run again. A package's code runs in a container of its own, without a network, a volume or a file of the user; the bytes go from
 * container to container through this process. See `runner/sdist.py`.
 * @param attempt runs pip; `wheelsFolder` is one more place where it finds wheels, undefined while there are none
 * @returns the last attempt
 * @throws SourceFailed
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
    const isOffline = networkTrouble(pipReason(output)) !== undefined; // pip finds no wheel then either
    const requirement = result.exitCode === 1 && !isOffline ? requirementWithoutWheel(output) : undefined;
    if (requirement === undefined || built.has(requirement) || built.size === MAX_BUILDS) {
      return result;
    }
    try {
      if (!(await addWheel(context, requirement, options))) {
        return result; // pip's own reason is the right one
      }
    } catch (error) {
      throw error instanceof NoWheel ? new SourceFailed(requirement, error.message) : error;
    }
    built.add(requirement);
  }
}

/** False: the index has no source distribution either. @throws NoWheel */
async function addWheel(context: ImageContext, requirement: string, options: SourceOptions): Promise<boolean> {
  const { container, python, program, wheelsFolder, env, onLine, signal } = options;
  const source = new Collected(MAX_SOURCE_BYTES);
  const fetched = await container.run([python, ...program, 'fetch', requirement], {
    name: 'run installer',
    env,
    signal,
    takeStdout: (chunk) => source.add(chunk),
  });
  if (fetched.exitCode === NO_SDIST) {
    return false;
  }
  if (fetched.exitCode !== 0) {
    throw new NoWheel(reasonOf(fetched.stderr));
  }
  const { name, content } = await build(context, source.content, options);
  onLine(`Built ${name} from its source distribution, without a network`);
  const stored = await container.run([python, '-I', '-c', STORE, wheelsFolder, name], {
    name: 'run lend',
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
  const builder = await BuildContainer.start(context, image, image, name, 'none', signal, {
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
    const answer = new Collected(MAX_WHEEL_BYTES);
    const { exitCode, stderr } = await builder.run([python, ...program, 'build'], {
      name: 'run installer',
      user: BUILD_USER,
      signal,
      input: [source],
      takeStdout: (chunk) => answer.add(chunk),
    });
    if (exitCode !== 0) {
      throw new NoWheel(reasonOf(stderr));
    }
    const end = answer.content.indexOf('\n');
    const wheel = answer.content.subarray(0, Math.max(0, end)).toString('latin1');
    if (!WHEEL_NAME.test(wheel)) {
      throw new NoWheel('its build made no wheel');
    }
    return { name: wheel, content: answer.content.subarray(end + 1) };
  } finally {
    await context.requests.cleanUp(builder.remove());
  }
}

/** The last error that the build printed, which pip ends with its own, general ones. */
function reasonOf(stderr: string): string {
  const lines = stderr.split(/\r?\n/).map((line) => line.trim());
  const end = lines.lastIndexOf('[end of output]');
  const errors = (end < 0 ? lines : lines.slice(0, end)).filter((line) =>
    /^(?:ERROR|error|[\w.]*(?:Error|Exception)): /.test(line),
  );
  return (errors.at(-1) ?? lastLine(stderr)).replace(/^(?:ERROR|error): /, '').slice(0, 500);
}

/** Bytes of a process's stdout, up to a bound. */
class Collected {
  readonly #chunks: Buffer[] = [];
  #size = 0;

  constructor(private readonly limit: number) {}

  get content(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  add(chunk: Buffer): void {
    this.#size += chunk.length;
    if (this.#size > this.limit) {
      throw new NoWheel(`it is over ${this.limit / 2 ** 20} MB`);
    }
    this.#chunks.push(chunk);
  }
}
