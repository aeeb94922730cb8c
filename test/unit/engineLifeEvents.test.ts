import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';
import { LifeEvents } from '../../src/engine/life-events';
import { Pulse } from '../../src/engine/pulse';
import { Requests } from '../../src/engine/request';
import { silentLog } from '../../src/log';

describe('the stream of an engine\'s events', () => {
  let folder: string;
  let socketPath: string;
  let server: Server | undefined;
  let streams: ServerResponse[];
  let events: LifeEvents;
  let back: number;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'events-'));
    socketPath = join(folder, 'engine.sock');
    streams = [];
    back = 0;
    events = new LifeEvents(new Docker({ socketPath }), new Requests(socketPath, silentLog, new Pulse(() => Promise.reject(new Error('no ping')))), silentLog, () => { back += 1; });
    await engineStarts();
  });
  afterEach(async () => {
    events.dispose();
    engineEnds();
    await rm(folder, { recursive: true });
  });

  async function engineStarts(): Promise<void> {
    server = createServer((_, response) => {
      response.flushHeaders();
      streams.push(response);
    });
    await once(server.listen(socketPath), 'listening');
  }
  function engineEnds(): void {
    server?.close();
    server?.closeAllConnections();
    server = undefined;
  }
  async function until(fits: () => boolean): Promise<void> {
    for (const end = Date.now() + 5_000; !fits(); await sleep(10)) if (Date.now() > end) assert.fail('not within 5 s');
  }
  const listen = (): { dispose(): void } => events.listen(() => undefined);
  const open = async (count: number): Promise<void> => {
    await until(() => streams.length === count);
    await sleep(50); // it is followed by then
  };

  it('is open while somebody listens; a stream that comes after a quiet end is no return of the engine', async () => {
    const first = listen();
    await open(1);
    first.dispose();
    await sleep(50);
    listen();
    await open(2);
    assert.equal(back, 0);
  });

  it('says that the engine is back after a break', async () => {
    listen();
    await open(1);
    engineEnds();
    await engineStarts();
    await open(2);
    assert.equal(back, 1);
  });

  it('says that the engine is back after a break to whoever listens next, where those who lost it have given up', async () => {
    const lost = listen();
    await open(1);
    engineEnds();
    await sleep(100);
    lost.dispose();
    await engineStarts();
    listen();
    await open(2);
    assert.equal(back, 1);
  });
});
