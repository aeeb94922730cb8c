import { SandboxError } from '../protocol/errors';
import type { SandboxFile } from './engine';
import { runProcess, type EngineClient } from './exec';
import { RUNNER_FOLDER, SANDBOX_HOME, STANDARD_LIBRARY_ONLY } from './specification';

/** Stands in place of a frame's length and cancels the current file. See `runner/unpack.py`. */
const TAKEN_BACK = Buffer.from([0xff, 0xff, 0xff, 0xff]);
const EMPTY_FRAME = Buffer.alloc(4);
/** Frames are combined up to this size, so that small files do not need a packet each. */
const COALESCED_BYTES = 128 * 1024;

interface PutFilesOptions {
  containerId: string;
  /** The Python of the sandbox's image. */
  interpreter: string;
  files: readonly SandboxFile[];
  signal: AbortSignal | undefined;
}

/**
 * Implements `Engine.putFiles`. The sandbox's own user writes the files, so that cells can change them. A cell may end or stop the writing
 * process or take its place: it then only gains files of its own, and its report is not trusted. The copy may take any time as long as it
 * makes progress: the deadline `run file copy` applies to each piece, and to the report after the last one.
 */
export async function putFiles(
  client: EngineClient,
  { containerId, interpreter, files, signal }: PutFilesOptions,
): Promise<Map<number, string>> {
  const progress = new StallDetector(client.requests.deadlines['run file copy']);
  try {
    const { exitCode, stdout } = await runProcess(client, {
      containerId,
      command: [interpreter, ...STANDARD_LIBRARY_ONLY, `${RUNNER_FOLDER}/unpack.py`, SANDBOX_HOME],
      name: 'run file copy',
      isAnswer: isReport,
      more: Infinity,
      input: progress.watch(coalesced(frames(files))),
      signal: signal === undefined ? progress.stalled : AbortSignal.any([signal, progress.stalled]),
    });
    // stderr is not shown as the reason, because a cell may have written it
    if (exitCode !== 0) {
      throw new SandboxError('FilesNotCopied', {
        reason: `the process that writes them ended with exit code ${exitCode}`,
      });
    }
    return failuresOf(stdout, files.length);
  } catch (cause) {
    if (!progress.stalled.aborted || signal?.aborted === true) {
      throw cause;
    }
    throw new SandboxError('FilesNotCopied', { reason: progress.problem }, { cause }); // the sandbox is too slow, not the engine
  } finally {
    progress.end();
  }
}

/** Aborts a copy if the sandbox takes no piece for a while. */
class StallDetector {
  readonly #stall = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #allTaken = false;

  /** @param patience maximum milliseconds for a piece */
  constructor(private readonly patience: number) {}

  get stalled(): AbortSignal {
    return this.#stall.signal;
  }

  get problem(): string {
    const seconds = Math.ceil(this.patience / 1000);
    return this.#allTaken ? `no end within ${seconds} s` : `nothing more was taken within ${seconds} s`;
  }

  /** Passes the pieces on. The next piece is requested when the sandbox has taken the previous one. */
  async *watch(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    this.#goOn();
    for await (const piece of pieces) {
      yield piece;
      this.#goOn();
    }
    this.#allTaken = true;
    this.#goOn();
  }

  end(): void {
    clearTimeout(this.#timer);
  }

  #goOn(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#stall.abort();
    }, this.patience);
  }
}

async function* frames(files: readonly SandboxFile[]): AsyncGenerator<Buffer> {
  for (const { path, content, modified, executable } of files) {
    yield* frame(
      Buffer.from(JSON.stringify({ path, folder: content === undefined, modified: modified / 1000, executable })),
    );
    if (content === undefined) {
      continue;
    }
    try {
      for await (const piece of content()) {
        if (piece.length > 0) {
          yield* frame(piece);
        }
      }
      yield EMPTY_FRAME;
    } catch {
      yield TAKEN_BACK; // the caller, which provides the content, knows the error
    }
  }
  yield EMPTY_FRAME;
}

function* frame(content: Buffer): Generator<Buffer> {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  yield length;
  yield content;
}

async function* coalesced(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let waiting: Buffer[] = [];
  let length = 0;
  for await (const piece of pieces) {
    waiting.push(piece);
    length += piece.length;
    if (length < COALESCED_BYTES) {
      continue;
    }
    yield Buffer.concat(waiting);
    waiting = [];
    length = 0;
  }
  yield Buffer.concat(waiting);
}

/**
 * Whether stdout has the complete report. It is the last action of the process, so its exit code, which engines know later, adds nothing.
 */
const isReport = (stdout: string): boolean => stdout.startsWith('{') && stdout.endsWith('}');

/** Parses the sandbox's report, which is not trusted: only valid indexes and names of errors are accepted. */
function failuresOf(report: string, count: number): Map<number, string> {
  const failed = new Map<number, string>();
  try {
    const { failed: claims } = JSON.parse(report) as { failed: unknown[] };
    for (const claim of claims) {
      const [index, name] = claim as [unknown, unknown];
      if (typeof index !== 'number' || !Number.isInteger(index) || index < 0 || index >= count) {
        throw new Error('no such file');
      }
      failed.set(index, typeof name === 'string' && /^E[A-Z0-9]{1,20}$/.test(name) ? name : 'EIO');
    }
  } catch (cause) {
    throw new SandboxError('FilesNotCopied', { reason: 'the sandbox gave no report' }, { cause });
  }
  return failed;
}
