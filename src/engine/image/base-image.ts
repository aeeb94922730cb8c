import type { Readable } from 'node:stream';
import { SandboxError } from '../../protocol/errors';
import type { Progress } from '../progress';
import { engineReason } from '../request';
import type { ImageContext } from './context';
import { asStepFailure, baseUnusable, imageFailed } from './failures';
import { inspectImage } from './tags';

/**
 * Gives the id of the base image. Pulls the image if the engine does not have it.
 * @throws SandboxError `ImageFailed` with the engine's own reason; `BaseUnusable` if it declares volumes, whose size no engine can limit
 */
export async function ensureBase(
  context: ImageContext,
  base: string,
  progress: Progress,
  signal?: AbortSignal,
): Promise<string> {
  let found = await inspectImage(context, base, signal);
  if (!found) {
    await pullBase(context, base, progress, signal);
    found = await inspectImage(context, base, signal);
    if (!found) {
      throw imageFailed(base, 'pullingBase', 'the engine does not have it after pulling it');
    }
  }
  if (found.volumes.length > 0) {
    throw baseUnusable(base, 'volumes', `it declares volumes (${found.volumes.join(', ')})`, {
      found: found.volumes.join(', '),
    });
  }
  return found.id;
}

/** Pulls the base image, also if the engine has an image with this name. @throws SandboxError `ImageFailed` */
export async function pullBase(
  context: ImageContext,
  base: string,
  progress: Progress,
  signal?: AbortSignal,
): Promise<void> {
  progress.step('pullingBase', base);
  try {
    await pull(context, base, progress, signal);
  } catch (error) {
    throw asStepFailure(error, base, 'pullingBase');
  }
}

async function pull(
  { docker, requests }: ImageContext,
  base: string,
  progress: Progress,
  signal: AbortSignal | undefined,
): Promise<void> {
  // without a body: the client would send one that the engine never reads, and then the engine would not notice a closed connection
  const options = { _query: splitReference(base), _body: {} };
  const stream = (await requests.run('pull', (abortSignal) => docker.createImage({ ...options, abortSignal }), {
    signal,
  })) as Readable;
  const layers = new PullProgress();
  let last = '';
  // the engine abandons the pull when the request's connection is closed
  const cancel = (): void => {
    stream.destroy();
  };
  let silent = false;
  const longest = requests.deadlines['pull progress'];
  const silence = setTimeout(() => {
    silent = true;
    stream.destroy();
  }, longest);
  signal?.addEventListener('abort', cancel, { once: true });
  let line = '';
  try {
    stream.setEncoding('utf8');
    for await (const text of stream as AsyncIterable<string>) {
      silence.refresh();
      const lines = (line + text).split('\n');
      line = lines.pop() ?? '';
      for (const complete of lines) {
        layers.add(complete);
        const detail = `${base} (${layers.summary()})`;
        if (detail !== last) {
          progress.step('pullingBase', detail);
        }
        last = detail;
      }
    }
    layers.add(line);
  } catch (error) {
    if (!signal?.aborted) {
      throw imageFailed(
        base,
        'pullingBase',
        silent ? `no progress for ${longest / 1000} s` : engineReason(error),
        error,
      );
    }
  } finally {
    clearTimeout(silence);
    signal?.removeEventListener('abort', cancel);
  }
  if (signal?.aborted) {
    throw new SandboxError('Cancelled', { request: 'pull' });
  }
  if (layers.error) {
    throw imageFailed(base, 'pullingBase', layers.error);
  }
}

/** Splits an image reference. The tag defaults to `latest`, because without a tag an engine pulls all tags. */
export function splitReference(name: string): { fromImage: string; tag: string } {
  const digest = name.indexOf('@');
  const colon = digest >= 0 ? digest : name.lastIndexOf(':');
  return colon > name.lastIndexOf('/')
    ? { fromImage: name.slice(0, colon), tag: name.slice(colon + 1) }
    : { fromImage: name, tag: 'latest' };
}

/** Summarises the engine's progress messages. Errors come as such messages too, in a response with status 200. */
export class PullProgress {
  readonly #states = new Map<string, { current: number; total: number; done: boolean }>();
  error = '';

  add(line: string): void {
    if (!line.trim()) {
      return;
    }
    let message: {
      id?: string;
      status?: string;
      error?: string;
      progressDetail?: { current?: number; total?: number };
    };
    try {
      message = JSON.parse(line) as typeof message;
    } catch {
      return;
    }
    if (message.error) {
      this.error = message.error;
    }
    if (!message.id || !message.status) {
      return;
    }
    const state = this.#states.get(message.id) ?? { current: 0, total: 0, done: false };
    if (message.status === 'Downloading') {
      state.current = message.progressDetail?.current ?? state.current;
      state.total = message.progressDetail?.total ?? state.total;
    }
    if (message.status === 'Pull complete' || message.status === 'Already exists') {
      state.done = true;
    } else if (
      !/^(Pulling fs layer|Waiting|Downloading|Verifying Checksum|Download complete|Extracting)$/.test(message.status)
    ) {
      return;
    }
    this.#states.set(message.id, state);
  }

  /** For example `2/5, 12/48 MB`: layers and megabytes. */
  summary(): string {
    const all = [...this.#states.values()];
    const mb = (bytes: number): number => Math.round(bytes / 1e6);
    const total = all.reduce((sum, layer) => sum + layer.total, 0);
    const layers = `${all.filter(({ done }) => done).length}/${all.length}`;
    return total === 0
      ? layers
      : `${layers}, ${mb(all.reduce((sum, layer) => sum + (layer.done ? layer.total : layer.current), 0))}/${mb(total)} MB`;
  }
}
