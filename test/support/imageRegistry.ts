import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type Docker from 'dockerode';
import { extract, pack } from 'tar-stream';

/** The parts of an image: its configuration, and its layers as archives, compressed or not. */
export interface ImageParts {
  config: Buffer;
  layers: readonly Buffer[];
}

const PIECE = 1_000_000;

/**
 * An image registry on the loopback of this machine. It has one image, and supports the part of the distribution
 * protocol that a pull needs.
 */
export class Registry {
  /** Whether downloads of blobs never end. */
  slow = false;
  /** The number of running downloads. */
  open = 0;

  /** @param pace bytes in a millisecond at most; may change while somebody downloads */
  private constructor(
    private readonly server: Server,
    readonly image: string,
    public pace: number,
  ) {}

  static async start(image: ImageParts | Promise<ImageParts> = smallImage(), pace = Infinity): Promise<Registry> {
    const { config, layers } = await image;
    const blobs = new Map([config, ...layers].map((content) => [digestOf(content), content]));
    const describe = (mediaType: string, content: Buffer): object => ({
      mediaType: `application/vnd.docker.${mediaType}`,
      size: content.length,
      digest: digestOf(content),
    });
    const manifest = Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType: MANIFEST,
        config: describe('container.image.v1+json', config),
        layers: layers.map((content) => describe(`image.rootfs.diff.tar${isPacked(content) ? '.gzip' : ''}`, content)),
      }),
    );
    const server = createServer((request, response) => {
      const [, kind, name = ''] = /^\/v2\/test\/base\/(manifests|blobs)\/(.+)$/.exec(request.url ?? '') ?? [];
      response.on('error', () => undefined);
      const blob = kind === 'blobs' ? blobs.get(name) : undefined;
      if (request.url === '/v2/') {
        response.end('{}');
      } else if (kind === 'manifests' && (name === '1' || name === digestOf(manifest))) {
        response.writeHead(200, {
          'Content-Type': MANIFEST,
          'Docker-Content-Digest': digestOf(manifest),
          'Content-Length': manifest.length,
        });
        response.end(request.method === 'HEAD' ? undefined : manifest);
      } else if (blob !== undefined) {
        response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': blob.length });
        registry.open++;
        response.on('close', () => {
          registry.open--;
        });
        if (registry.slow && blob.length > 100_000) {
          drip(response, blob);
        } else {
          void send(response, blob, () => registry.pace);
        }
      } else {
        response
          .writeHead(404)
          .end(JSON.stringify({ errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }] }));
      }
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const registry = new Registry(server, `127.0.0.1:${(server.address() as AddressInfo).port}/test/base:1`, pace);
    return registry;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

/**
 * Returns an image of the engine in the form of a registry, under an id that no image had before, so that no image was
 * derived from it yet.
 */
export async function asNew(docker: Docker, name: string): Promise<ImageParts> {
  const files = new Map<string, Buffer>();
  const archive = extract();
  (await docker.getImage(name).get()).pipe(archive);
  for await (const entry of archive) {
    files.set(entry.header.name, await buffer(entry));
  }
  const file = (path: string): Buffer => files.get(path) ?? Buffer.alloc(0);
  const [manifest] = JSON.parse(file('manifest.json').toString()) as [{ Config: string; Layers: string[] }];
  const config = JSON.parse(file(manifest.Config).toString()) as {
    config: { Labels?: Record<string, string> | null };
    rootfs: { diff_ids: string[] };
    history?: object[];
  };
  config.config.Labels = { ...config.config.Labels, copy: randomUUID() };
  const more = await layer('opt/copy', 8_000_000); // the engine may already know the other layers
  config.rootfs.diff_ids.push(digestOf(more));
  config.history?.push({ created_by: 'test' });
  return { config: Buffer.from(JSON.stringify(config)), layers: [...manifest.Layers.map(file), more] };
}

/** An image of two layers in which nothing can be run. */
async function smallImage(): Promise<ImageParts> {
  const layers = await Promise.all([layer('a', 3_000_000), layer('b', 1_000_000)]);
  return {
    config: Buffer.from(
      JSON.stringify({
        architecture: 'amd64',
        os: 'linux',
        config: { Cmd: ['/a'] },
        rootfs: { type: 'layers', diff_ids: layers.map(digestOf) },
        history: layers.map(() => ({ created_by: 'test' })),
      }),
    ),
    layers: layers.map((content) => gzipSync(content)),
  };
}

async function layer(name: string, bytes: number): Promise<Buffer> {
  const archive = pack();
  archive.entry({ name }, randomBytes(bytes));
  archive.finalize();
  return buffer(archive);
}

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
const digestOf = (content: Buffer): string => `sha256:${createHash('sha256').update(content).digest('hex')}`;
const isPacked = (content: Buffer): boolean => content[0] === 0x1f && content[1] === 0x8b;

async function send(response: ServerResponse, content: Buffer, pace: () => number): Promise<void> {
  for (let at = 0; at < content.length && !response.destroyed; at += PIECE) {
    response.write(content.subarray(at, at + PIECE));
    if (pace() < Infinity) {
      await sleep(PIECE / pace());
    }
  }
  response.end();
}

function drip(response: ServerResponse, content: Buffer): void {
  response.write(content.subarray(0, content.length / 2));
  const dripping = setInterval(() => response.write(content.subarray(0, 1)), 20);
  response.on('close', () => {
    clearInterval(dripping);
  });
}
