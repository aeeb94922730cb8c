import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import Docker from 'dockerode';
import { Libraries } from '../../src/engine/libraries';
import { Pulse } from '../../src/engine/pulse';
import { Requests } from '../../src/engine/request';
import { silentLog } from '../../src/log';

const DAY_MS = 24 * 3600_000;

describe('a sweep of libraries that nobody has used for a week', () => {
  let folder: string;
  let server: http.Server;
  let docker: Docker;
  const removed: string[] = [];
  /** Names that the engine does not remove. */
  const refused = new Set<string>();

  const volume = (name: string, labels: Record<string, string> = {}) => ({
    Name: name,
    Labels: {
      'sandboxed-ipython.version': '3',
      'sandboxed-ipython.owner': 'me',
      'sandboxed-ipython.created': new Date(Date.now() - 30 * DAY_MS).toISOString(),
      ...labels,
    },
  });
  const volumes = ['a', 'b', 'c'].flatMap((name) => [
    volume(name),
    volume(`${name}-unused`, { 'sandboxed-ipython.unused': name }),
  ]);

  before(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'sweep-'));
    server = http.createServer(({ method, url = '' }, response) => {
      const name = path.basename(new URL(url, 'http://engine').pathname);
      response.setHeader('Content-Type', 'application/json');
      if (method === 'GET') {
        response.end(JSON.stringify({ Volumes: volumes }));
      } else if (refused.has(name)) {
        response.writeHead(500).end(JSON.stringify({ message: `remove ${name}: device or resource busy` }));
      } else {
        removed.push(name);
        response.writeHead(204).end();
      }
    });
    const socketPath = path.join(folder, 'engine.sock');
    await new Promise<void>((resolve) => {
      server.listen(socketPath, resolve);
    });
    docker = new Docker({ socketPath });
  });
  after(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });

  it('continues after a volume that the engine does not remove, keeps the mark of that volume, and logs the failure', async () => {
    refused.add('a');
    const warnings: string[] = [];
    const requests = new Requests('test', silentLog, new Pulse(() => docker.ping()));
    const libraries = new Libraries(docker, requests, {
      ...silentLog,
      warn: (message) => {
        warnings.push(message);
      },
    });
    await libraries.sweep('me', { unused: 7 * DAY_MS, fresh: DAY_MS });
    assert.deepEqual(removed, ['b', 'b-unused', 'c', 'c-unused']);
    assert.deepEqual(warnings, ['engine: libraries a not swept, remove a: device or resource busy']);
    requests.dispose();
  });
});
