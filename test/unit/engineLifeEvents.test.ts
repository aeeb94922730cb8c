import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';
import { LifeEvents } from '../../src/engine/life-events';
import { Pulse } from '../../src/engine/pulse';
import { Requests } from '../../src/engine/request';
import { silentLog } from '../../src/log';

describe("the stream of an engine's events", () => {
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
    events = new LifeEvents(
      new Docker({ socketPath }),
      new Requests(socketPath, silentLog, new Pulse(() => Promise.reject(new Error('no ping')))),
      silentLog,
      () => {
        back += 1;
      },
    );
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
    for (const end = Date.now() + 5_000; !fits(); await sleep(10)) {
      if (Date.now() > end) {
        assert.fail('not within 5 s');
      }
    }
  }
  const listen = (): { dispose(): void } => events.listen(() => undefined);
  const open = async (count: number): Promise<void> => {
    await until(() => streams.length === count);
    await sleep(50); // the stream is open by then
  };

  it('is open while there are listeners; a stream that is opened after a regular end is not a return of the engine', async () => {
    const first = listen();
    await open(1);
    first.dispose();
    await sleep(50);
    listen();
    await open(2);
    assert.equal(back, 0);
  });

  it('reports that the engine is back after a break', async () => {
    listen();
    await open(1);
    engineEnds();
    await engineStarts();
    await open(2);
    assert.equal(back, 1);
  });

  it('reports each event once, including events out of order and events that are sent again after a break', async () => {
    const told: string[] = [];
    events.listen(({ sandboxId, exitCode }) => {
      told.push(`${sandboxId} ${exitCode}`);
    });
    await open(1);
    const now = Date.now() * 1_000_000;
    const died = (sandboxId: string, after: number): string =>
      `${JSON.stringify({ Action: 'die', Actor: { Attributes: { 'sandboxed-ipython.sandbox': sandboxId, exitCode: '137' } } }).slice(0, -1)},"timeNano":${now + after}}\n`;
    streams[0]?.write(died('b', 2_000) + died('a', 1_000) + died('c', 2_000));
    await until(() => told.length === 3);
    engineEnds();
    await engineStarts();
    await open(2);
    streams[1]?.write(died('a', 1_000) + died('b', 2_000) + died('c', 2_000) + died('d', 3_000));
    await until(() => told.length > 3);
    assert.deepEqual(told, ['b 137', 'a 137', 'c 137', 'd 137']);
  });

  it('closes a stream that opens when there are no listeners any more, however late', async () => {
    for (let turns = 0; turns < 20; turns += 1) {
      const stream = Object.assign(new PassThrough(), { headers: {} });
      const listening: { dispose(): void }[] = [];
      const docker = {
        getEvents: ({ abortSignal }: { abortSignal: AbortSignal }) => {
          abortSignal.addEventListener('abort', () => stream.destroy()); // as Node's client does
          const answer = Promise.resolve(stream);
          let later: Promise<unknown> = answer;
          for (let turn = 0; turn < turns; turn += 1) {
            later = later.then(() => undefined);
          }
          void later.then(() => {
            listening[0]?.dispose();
          });
          return answer;
        },
      } as unknown as Docker;
      const late = new LifeEvents(
        docker,
        new Requests(socketPath, silentLog, new Pulse(() => Promise.reject(new Error('no ping')))),
        silentLog,
      );
      listening.push(late.listen(() => undefined));
      await sleep(5);
      assert.ok(stream.destroyed, `left open after ${turns} turns`);
    }
  });

  it('reports the return of the engine to the next listener if the earlier listeners have left', async () => {
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
