import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import { Demuxer } from './demux';
import { isMissing, type Requests } from './request';

/** Bytes kept of a main process's last words. */
const KEPT = 16 * 1024;

/**
 * The last words of containers' main processes. A container removes itself at its end and its log goes with it,
 * so the output is followed from before its start. Never with stdin: some engines feed the request's body into it.
 */
export class MainOutput {
  private readonly captures = new Map<string, { stream: Readable; tail: Buffer }>();

  constructor(private readonly docker: Docker, private readonly requests: Requests) {}

  /** Call before the start. */
  async follow(containerId: string, signal?: AbortSignal): Promise<void> {
    // without stdin it is the response itself, which the client's types call a duplex
    const stream = await this.requests.run('attach to output', (abortSignal) =>
      this.docker.getContainer(containerId).attach({ stream: true, stdout: true, stderr: true, abortSignal }), { signal }) as unknown as Readable;
    const capture = { stream, tail: Buffer.alloc(0) };
    const demuxer = new Demuxer();
    stream.on('data', (chunk: Buffer) => {
      try {
        demuxer.push(chunk, (_source, piece) => { capture.tail = Buffer.concat([capture.tail, piece]).subarray(-KEPT); });
      } catch {
        stream.destroy();
      }
    });
    stream.on('error', () => undefined);
    this.captures.set(containerId, capture);
  }

  async read(containerId: string): Promise<string> {
    const capture = this.captures.get(containerId);
    if (capture) return capture.tail.toString('utf8');
    try {
      const raw = await this.requests.run('logs', (abortSignal) =>
        this.docker.getContainer(containerId).logs({ stdout: true, stderr: true, tail: 200, abortSignal }));
      let text = Buffer.alloc(0);
      new Demuxer().push(Buffer.from(raw), (_source, piece) => { text = Buffer.concat([text, piece]).subarray(-KEPT); });
      return text.toString('utf8');
    } catch (error) {
      if (isMissing(error)) return '';
      throw error;
    }
  }

  forget(containerId: string): void {
    this.captures.get(containerId)?.stream.destroy();
    this.captures.delete(containerId);
  }

  dispose(): void {
    for (const id of [...this.captures.keys()]) this.forget(id);
  }
}
