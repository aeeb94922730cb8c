import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';

const digestOf = (content: Buffer): string => `sha256:${createHash('sha256').update(content).digest('hex')}`;

async function layer(name: string, bytes: number): Promise<Buffer> {
  const archive = pack();
  archive.entry({ name }, randomBytes(bytes));
  archive.finalize();
  return buffer(archive);
}

/** An image registry on this machine's loopback with one image of two layers, enough of the distribution protocol to pull it. */
export class Registry {
  /** Blobs take for ever. */
  slow = false;
  /** Downloads that are under way. */
  open = 0;

  private constructor(private readonly server: Server, readonly image: string) {}

  static async start(): Promise<Registry> {
    const layers = await Promise.all([layer('a', 3_000_000), layer('b', 1_000_000)]);
    const packed = layers.map((content) => gzipSync(content));
    const config = Buffer.from(JSON.stringify({
      architecture: 'amd64', os: 'linux', config: { Cmd: ['/a'] }, rootfs: { type: 'layers', diff_ids: layers.map(digestOf) }, history: layers.map(() => ({ created_by: 'test' })),
    }));
    const blobs = new Map([config, ...packed].map((content) => [digestOf(content), content]));
    const describe = (mediaType: string, content: Buffer): object => ({ mediaType: `application/vnd.docker.${mediaType}`, size: content.length, digest: digestOf(content) });
    const manifest = Buffer.from(JSON.stringify({
      schemaVersion: 2, mediaType: 'application/vnd.docker.distribution.manifest.v2+json',
      config: describe('container.image.v1+json', config), layers: packed.map((content) => describe('image.rootfs.diff.tar.gzip', content)),
    }));
    const server = createServer((request, response) => {
      const [, kind, name = ''] = /^\/v2\/test\/base\/(manifests|blobs)\/(.+)$/.exec(request.url ?? '') ?? [];
      response.on('error', () => undefined);
      if (request.url === '/v2/') response.end('{}');
      else if (kind === 'manifests' && (name === '1' || name === digestOf(manifest))) {
        response.writeHead(200, { 'Content-Type': 'application/vnd.docker.distribution.manifest.v2+json', 'Docker-Content-Digest': digestOf(manifest), 'Content-Length': manifest.length });
        response.end(request.method === 'HEAD' ? undefined : manifest);
      } else if (kind === 'blobs' && blobs.has(name)) {
        const content = blobs.get(name) ?? Buffer.alloc(0);
        response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': content.length });
        registry.open++;
        if (registry.slow && content.length > 100_000) {
          response.write(content.subarray(0, content.length / 2));
          const drip = setInterval(() => response.write(content.subarray(0, 1)), 20);
          response.on('close', () => { clearInterval(drip); });
        } else response.end(content);
        response.on('close', () => { registry.open--; });
      } else response.writeHead(404).end(JSON.stringify({ errors: [{ code: 'MANIFEST_UNKNOWN', message: 'manifest unknown' }] }));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const registry = new Registry(server, `127.0.0.1:${(server.address() as AddressInfo).port}/test/base:1`);
    return registry;
  }

  close(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}
