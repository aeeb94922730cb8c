import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Engine } from '../../src/engine/engine';
import { random } from '../unit/outputsModel';
import { FaultProxy, NO_FAULT } from './support/proxy';
import { connect, derivedImage, endSessions, startSession } from './support/sandboxes';

const ENGINE_SOCKET = (process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock').replace('unix://', '');
const SEEDS = 10;
const CELLS = 20;

describe('streams between host and engine that are cut, delayed and halved', () => {
  let image: string;

  before(async function () {
    this.timeout(240_000);
    const engine = await connect();
    image = await derivedImage(engine);
    engine.dispose();
  });

  it('a cell sends no request to the engine', async () => {
    const proxy = new FaultProxy(ENGINE_SOCKET, random(1));
    const engine = await connect(await proxy.listen());
    try {
      const sandbox = startSession(engine, image);
      await sandbox.session.started;
      await sandbox.run('1');
      assert.ok(proxy.requests.length > 0, 'the proxy sees what is asked');
      // After a sandbox has started, a sweep requests the leftovers of earlier sandboxes.
      for (let asked = 0; asked !== proxy.requests.length;) {
        asked = proxy.requests.length;
        await sleep(2_000);
      }
      proxy.requests.length = 0;
      for (let i = 0; i < 20; i += 1) {
        await sandbox.run(`print(${i})`);
      }
      await sandbox.session.reset({ files: 'keep' });
      await sandbox.run('1');
      assert.deepEqual(proxy.requests, []);
    } finally {
      await endSessions();
      engine.dispose();
      await proxy.close();
    }
  });

  for (let seed = 1; seed <= SEEDS; seed += 1) {
    it(`no cell runs twice or hangs (seed ${seed})`, async () => {
      const next = random(seed);
      const proxy = new FaultProxy(ENGINE_SOCKET, next);
      let engine: Engine | undefined;
      try {
        engine = await connect(await proxy.listen());
        let faults = 6;
        proxy.fault = () =>
          faults-- > 0
            ? {
                up: next(3) === 0 ? Infinity : 400 + next(4_000),
                down: 200 + next(12_000),
                delay: next(2) * next(30),
                halve: next(2) === 0,
              }
            : NO_FAULT;
        const sandbox = startSession(engine, image);
        await sandbox.session.started;
        const cells = [];
        for (let i = 0; i < CELLS; i += 1) {
          cells.push(
            sandbox.run(
              `with open("/sandbox/ran", "a") as f: f.write("${i} ")\nfor line in range(20): print("cell ${i}", line)`,
            ),
          );
          if (next(4) === 0) {
            await new Promise((resolve) => setTimeout(resolve, next(50)));
          }
        }
        const ran = await Promise.all(cells);
        for (const [i, cell] of ran.entries()) {
          assert.equal(cell.reply.status, 'ok', JSON.stringify(cell.reply));
          assert.equal(
            cell.text(),
            Array.from({ length: 20 }, (_, line) => `cell ${i} ${line}\n`).join(''),
            `cell ${i}`,
          );
        }
        const count = await sandbox.run('print(open("/sandbox/ran").read())');
        assert.equal(count.text().trim(), Array.from({ length: CELLS }, (_, i) => String(i)).join(' '));
        // notices of the session itself have no place in the log
        const seqs = sandbox.events.filter(({ msg_type: type }) => type !== 'notice').map((event) => event.seq);
        assert.ok(
          seqs.every((seq, i) => i === 0 || seq > (seqs[i - 1] ?? 0)),
          'events in order, each once',
        );
        assert.ok(proxy.cuts > 0, 'at least one stream was cut');
      } finally {
        proxy.fault = () => NO_FAULT;
        await endSessions();
        engine?.dispose();
        await proxy.close();
      }
    });
  }
});
