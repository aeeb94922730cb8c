import type { Duplex } from 'node:stream';
import type Docker from 'dockerode';
import { SandboxError } from '../protocol/errors';
import type { ExecStream } from './engine';
import { execStream } from './exec-stream';
import type { ProcessName } from './deadlines';
import { isNotFound, isNotRunning, type RequestOptions, type Requests } from './request';

/** The client of an engine and the sender of its requests. */
export interface EngineClient {
  docker: Docker;
  requests: Requests;
}

/** The container and the command of a process. */
interface ProcessTarget {
  containerId: string;
  command: readonly string[];
}

export interface ExecOptions extends RequestOptions {
  /** `uid:gid`; default: the container's user. */
  user?: string;
  /** Added to the container's environment for this process only. It is stored in no container and no image. */
  env?: Readonly<Record<string, string>>;
}

/**
 * Starts a process in a container and gives its streams, which use a hijacked connection.
 * @throws SandboxError `SandboxGone` if the container does not exist or does not run
 */
export async function openExec(
  { docker, requests }: EngineClient,
  { containerId, command, user, env = {}, ...options }: ProcessTarget & ExecOptions,
): Promise<ExecStream & { exitCode(): Promise<number | null> }> {
  try {
    const exec = await requests.run(
      'create exec',
      (abortSignal) =>
        docker.getContainer(containerId).exec({
          Cmd: [...command],
          AttachStdin: true,
          AttachStdout: true,
          AttachStderr: true,
          Tty: false,
          WorkingDir: '/',
          Env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
          ...(user === undefined ? {} : { User: user }),
          abortSignal,
        }),
      options,
    );
    const connection = await requests.run(
      'start exec',
      (abortSignal) => exec.start({ hijack: true, stdin: true, Tty: false, abortSignal }),
      options,
    );
    return {
      ...execStream(connection),
      exitCode: () =>
        requests.run('inspect exec', async (abortSignal) => {
          const { Running, ExitCode } = await exec.inspect({ abortSignal });
          return Running ? null : ExitCode;
        }),
    };
  } catch (error) {
    if (isNotFound(error)) {
      throw new SandboxError('SandboxGone', { reason: 'removed' }, { cause: error });
    }
    if (isNotRunning(error)) {
      throw new SandboxError('SandboxGone', { reason: 'exited' }, { cause: error });
    }
    throw error;
  }
}

export interface ProcessOptions extends ExecOptions {
  /** Name of the process, which also determines its deadline. */
  name: ProcessName;
  /** Milliseconds that are added to the deadline. */
  more?: number;
  /** Bytes for the process's stdin, which is closed afterwards. */
  input?: AsyncIterable<Buffer> | Iterable<Buffer>;
  /** Whether stdout is a complete answer. The exit code, which engines know a little later, is then not requested and given as 0. */
  isAnswer?: (stdout: string) => boolean;
  /** Receives stdout as it comes; the result's `stdout` is then empty. If it throws, the process is abandoned, with `EngineFailed`. */
  takeStdout?: (chunk: Buffer) => void;
  /** Called with each line of stdout and stderr as it comes, without its line end and cut at 4 Ki characters. */
  onLine?: (line: string) => void;
}

export interface ProcessResult {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** The last part of each output that is kept. Errors are usually at the end. */
const MAX_OUTPUT_CHARACTERS = 64 * 1024;
const MAX_LINE_CHARACTERS = 4096;
/** Times between requests for the exit code, which engines know a little later than the end of the streams. */
const EXIT_STATUS_POLLS_MS = [0, 20, 50, 100, 250, 500, 1000, 2000];

/**
 * Runs a process to its end. If the signal aborts or the deadline passes, it rejects at once, and the process continues until its
 * container is removed.
 */
export async function runProcess(
  client: EngineClient,
  options: ProcessTarget & ProcessOptions,
): Promise<ProcessResult> {
  const { name, more = 0, input, isAnswer, takeStdout, onLine, signal, ...exec } = options;
  const streams = await openExec(client, { ...exec, signal });
  try {
    return await client.requests.run(
      name,
      async (drop) => {
        drop.addEventListener('abort', () => streams.destroy(), { once: true });
        const stdout = takeStdout === undefined ? collect(streams.stream, onLine) : take(streams.stream, takeStdout);
        const outputs = Promise.all([stdout, collect(streams.stderr, onLine)]);
        await Promise.all([feed(streams.stream, input), outputs]);
        const [stdoutText, stderr] = await outputs;
        if (isAnswer?.(stdoutText) === true) {
          return { exitCode: 0, stdout: stdoutText, stderr };
        }
        drop.throwIfAborted(); // nobody waits for the exit status any more
        for (const wait of EXIT_STATUS_POLLS_MS) {
          await new Promise((resolve) => setTimeout(resolve, wait));
          const exitCode = await streams.exitCode();
          if (exitCode !== null) {
            return { exitCode, stdout: stdoutText, stderr };
          }
        }
        throw new SandboxError('EngineFailed', {
          endpoint: client.requests.endpoint,
          request: 'exec',
          status: 0,
          reason: 'the connection to a process was lost',
        });
      },
      { more, signal },
    );
  } finally {
    streams.destroy();
  }
}

async function feed(stream: Duplex, input: ProcessOptions['input']): Promise<void> {
  if (input) {
    for await (const chunk of input) {
      if (stream.destroyed) {
        return;
      }
      if (!stream.write(chunk)) {
        await drained(stream);
      }
    }
  }
  stream.end();
}

const drained = (stream: Duplex): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      stream.off('drain', done).off('close', done);
      resolve();
    };
    stream.on('drain', done).on('close', done);
  });

async function take(stream: NodeJS.ReadableStream, taker: (chunk: Buffer) => void): Promise<string> {
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    taker(chunk);
  }
  return '';
}

async function collect(stream: NodeJS.ReadableStream, onLine: ((line: string) => void) | undefined): Promise<string> {
  let kept = '';
  let line = '';
  stream.setEncoding('utf8');
  try {
    for await (const text of stream as AsyncIterable<string>) {
      kept = (kept + text).slice(-MAX_OUTPUT_CHARACTERS);
      const lines = (line + text).split(/\r?\n|\r/);
      line = (lines.pop() ?? '').slice(0, MAX_LINE_CHARACTERS);
      for (const complete of lines) {
        onLine?.(complete.slice(0, MAX_LINE_CHARACTERS));
      }
    }
  } catch {
    // the stream was cut: the exit code, or its absence, shows the result
  }
  if (line) {
    onLine?.(line);
  }
  return kept;
}
