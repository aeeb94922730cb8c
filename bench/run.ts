/**
 * Times a session against ipykernel. Both are measured in turns in one run, so that other work of the machine affects
 * both: `run.js PYTHON [--write]`, where PYTHON has ipykernel. `npm run bench` prepares everything and calls this.
 */
import assert from 'node:assert/strict';
import os from 'node:os';
import path from 'node:path';
import { connectEngine } from '../src/engine/connect';
import type { Engine } from '../src/engine/engine';
import { installNetwork } from '../src/engine/image/install-network';
import { silentProgress } from '../src/engine/progress';
import { ContainerSession } from '../src/session/session';
import { DEFAULT_SETTINGS } from '../src/session/settings';
import { IpykernelPeer } from './peer';
import { machine, table, write, type Row } from './report';

const RUNS = { cells: 300, warmUp: 20, resets: 15, starts: 7, prints: 5 };
/** Milliseconds. A spare kernel is forked 0.4 s after the kernel and needs a moment. */
const SPARE_READY = 2_000;
const PRINTS = 'for i in range(100_000): print(i)';

async function main([python = 'python3', ...options]: string[]): Promise<void> {
  const load = [os.loadavg()[0] ?? 0];
  const peer = new IpykernelPeer(python);
  const engine = await connectEngine({
    platform: process.platform,
    env: process.env,
    home: os.homedir(),
    uid: process.getuid?.(),
  });
  try {
    const image = await engine.ensureImage(
      {
        base: process.env['SANDBOXED_IPYTHON_TEST_BASE'] ?? DEFAULT_SETTINGS.image,
        packages: DEFAULT_SETTINGS.packages,
        runnerFolder: path.join(__dirname, '../../runner'),
        network: await installNetwork(process.env),
      },
      silentProgress,
    );
    const starts = await startsOf(engine, image, peer);
    const session = open(engine, image);
    await session.started;
    const cells = await cellsOf(session, peer);
    const resets = await resetsOf(session);
    const { ours, peers, memory } = await printsOf(session, peer);
    await session.dispose();
    const rows: Row[] = [
      { what: 'empty cell, `session.execute` to its reply', ...cells, peerWhat: 'empty cell', bound: 0.6 },
      {
        what: "reset with the spare ready, to the next cell's reply",
        ours: resets,
        peer: cells.peer,
        peerWhat: 'empty cell',
        bound: 4,
      },
      {
        what: "start: container created to the first cell's reply",
        ...starts,
        peerWhat: "start to the first cell's reply",
        bound: 1.5,
      },
      { what: '100,000 prints, all lines', ours, peer: peers, peerWhat: '100,000 prints', bound: 1 },
    ];
    load.push(os.loadavg()[0] ?? 0);
    const { product, version, apiVersion } = engine.info;
    const text = `${table(rows)}\n\nHost memory during the prints: ${Math.round(memory / 2 ** 20)} MB more at most.\n\n${machine(load, `${product} ${version} (API ${apiVersion})`)} Peer: ${await peer.versions()}.`;
    console.log(text);
    if (options.includes('--write')) {
      write('npm run bench -- --write', text);
    }
  } finally {
    engine.dispose();
    await peer.end();
  }
}

const open = (engine: Engine, image: string): ContainerSession =>
  ContainerSession.start(engine, {
    image,
    owner: 'bench',
    notebookHint: '',
    settings: DEFAULT_SETTINGS,
    lease: DEFAULT_SETTINGS.keepAlive * 60,
  });

async function execute(session: ContainerSession, code: string): Promise<number> {
  const begun = performance.now();
  const reply = await session.execute(code).reply;
  assert.equal(reply.status, 'ok', JSON.stringify(reply));
  return performance.now() - begun;
}

/**
 * Times each start from the first request that creates the container; this includes the check of its limits. The last
 * kernel of the peer stays for the cells.
 */
async function startsOf(
  engine: Engine,
  image: string,
  peer: IpykernelPeer,
): Promise<{ ours: number[]; peer: number[] }> {
  const result = { ours: [] as number[], peer: [] as number[] };
  for (let i = 0; i < RUNS.starts; i += 1) {
    const begun = performance.now();
    const session = open(engine, image);
    await execute(session, 'pass');
    result.ours.push(performance.now() - begun);
    await session.dispose();
    result.peer.push((await peer.start()).ms);
  }
  return result;
}

async function cellsOf(session: ContainerSession, peer: IpykernelPeer): Promise<{ ours: number[]; peer: number[] }> {
  const result = { ours: [] as number[], peer: [] as number[] };
  for (let i = 0; i < RUNS.warmUp + RUNS.cells; i += 1) {
    const both = { ours: () => execute(session, 'pass'), peer: async () => (await peer.execute('pass')).ms };
    for (const side of i % 2 === 0 ? (['ours', 'peer'] as const) : (['peer', 'ours'] as const)) {
      const took = await both[side]();
      if (i >= RUNS.warmUp) {
        result[side].push(took);
      }
    }
  }
  return result;
}

async function resetsOf(session: ContainerSession): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < RUNS.resets; i += 1) {
    await new Promise((resolve) => setTimeout(resolve, SPARE_READY));
    const begun = performance.now();
    await session.reset({ files: 'keep' });
    await execute(session, 'pass');
    times.push(performance.now() - begun);
  }
  return times;
}

async function printsOf(
  session: ContainerSession,
  peer: IpykernelPeer,
): Promise<{ ours: number[]; peers: number[]; memory: number }> {
  const [ours, peers]: [number[], number[]] = [[], []];
  const before = process.memoryUsage.rss();
  let memory = 0;
  for (let i = 0; i < RUNS.prints; i += 1) {
    let lines = 0;
    let events = 0;
    const counting = session.onEvent((event) => {
      if (event.msg_type !== 'stream') {
        return;
      }
      for (let at = event.content.text.indexOf('\n'); at >= 0; at = event.content.text.indexOf('\n', at + 1)) {
        lines += 1;
      }
      if (events++ % 20 === 0) {
        memory = Math.max(memory, process.memoryUsage.rss() - before);
      }
    });
    ours.push(await execute(session, PRINTS));
    counting.dispose();
    assert.equal(lines, 100_000);
    const answer = await peer.execute(PRINTS);
    assert.equal(answer.lines, 100_000);
    peers.push(answer.ms);
  }
  return { ours, peers, memory };
}

main(process.argv.slice(2)).then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
