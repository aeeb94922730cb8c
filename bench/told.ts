/**
 * Times how soon a cell reports an end or a problem: `told.js [--write]`. Problems of the engine occur on an engine
 * that this program starts and ends, which needs root. `npm run told` prepares everything and calls this.
 */
import assert from 'node:assert/strict';
import os from 'node:os';
import Docker from 'dockerode';
import type { Engine } from '../src/engine/engine';
import { containerName } from '../src/engine/specification';
import type { SandboxEvent } from '../src/protocol/messages';
import { connect, derivedImage, endSessions, startSession, type TestSession } from '../test/session/support/sandboxes';
import { UnpluggedEngine } from '../test/session/support/unpluggedEngine';
import { machine, median, write } from './report';

const RUNS = 7;
const docker = new Docker();
const MB = 2 ** 20;
const SETTINGS = { maxMemory: 256 * MB, pids: 64 };

/** `told`: the milliseconds of each run. */
interface Row {
  what: string;
  says: string;
  told: number[];
}

/** What a cell does to itself. Just before, it prints the time: host and sandbox have the same clock. */
const IN_THE_CELL: readonly (readonly [what: string, says: string, code: string])[] = [
  ['`os._exit(3)`', 'KernelDied', 'now(); os._exit(3)'],
  ['a segmentation fault', 'KernelDied', 'import ctypes; now(); ctypes.string_at(0)'],
  ['`kill -9` of Python', 'KernelDied', 'now(); os.kill(os.getpid(), 9)'],
  ['out of memory: Python, which first has to fill it', 'OutOfMemory', 'now(); x = b"x" * (1 << 30)'],
  [
    '`/dev/shm` without room: Python, killed by SIGBUS',
    'KernelDied',
    'from multiprocessing import shared_memory\nm = shared_memory.SharedMemory(create=True, size=128 << 20)\nnow()\nfor i in range(0, m.size, 4096): m.buf[i] = 1',
  ],
  [
    'out of memory: a child process, which first has to start and to fill it',
    'ChildKilled',
    'now(); subprocess.run([sys.executable, "-c", "x = b\'x\' * (1 << 30)"]); time.sleep(5)',
  ],
  [
    '`/sandbox` full',
    'DiskFull',
    'f = open("/sandbox/fill", "wb", buffering=0)\ntry:\n  while True: f.write(bytes(1 << 16))\nexcept OSError: now(); time.sleep(5)',
  ],
  [
    'no room for processes',
    'PidsExhausted',
    'there = []\ntry:\n  while True: there.append(subprocess.Popen(["sleep", "100"]))\nexcept OSError: now(); time.sleep(5)',
  ],
];
const NOW = 'import os, subprocess, sys, time\ndef now(): print("at", time.time() * 1000, flush=True)\n';

type End = (container: Docker.Container) => Promise<unknown>;
/** What happens to a container from outside. */
const FROM_OUTSIDE: readonly (readonly [what: string, says: string, end: End])[] = [
  [
    'the first process of the sandbox killed',
    'SandboxGone',
    async (container) => {
      process.kill((await container.inspect()).State.Pid, 'SIGKILL');
    },
  ],
  ['`docker stop`', 'SandboxGone', (container) => container.stop()],
  ['`docker rm --force`', 'SandboxGone', (container) => container.remove({ force: true })],
  ['`docker pause`', 'OutOfReach', (container) => container.pause()],
];

/** What happens to the engine. */
const OF_THE_ENGINE: readonly (readonly [
  what: string,
  does: (own: UnpluggedEngine) => unknown,
  undo: (own: UnpluggedEngine) => unknown,
])[] = [
  [
    'the engine hangs',
    (own) => {
      own.pause();
    },
    (own) => {
      own.resume();
    },
  ],
  ['the engine is killed', (own) => own.kill(), (own) => own.restart('SIGKILL')],
];

async function main(options: string[]): Promise<void> {
  const load = [os.loadavg()[0] ?? 0];
  const engine = await connect();
  try {
    const image = await derivedImage(engine);
    const rows = [
      ...(await inTheCell(engine, image)),
      ...(await fromOutside(engine, image)),
      ...(await ofTheEngine(image)),
    ];
    load.push(os.loadavg()[0] ?? 0);
    const { product, version, apiVersion } = engine.info;
    const text = `${table(rows)}\n\n${machine(load, `${product} ${version} (API ${apiVersion})`)}`;
    console.log(text);
    if (options.includes('--write')) {
      write('npm run told -- --write', text);
    }
  } finally {
    await endSessions();
    engine.dispose();
  }
}

async function inTheCell(engine: Engine, image: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [what, says, code] of IN_THE_CELL) {
    const sandbox = startSession(engine, image, SETTINGS);
    rows.push({
      what,
      says,
      told: await times(async () => {
        await sandbox.session.reset({ files: 'clear' });
        await sandbox.run(NOW);
        const { msgId, told } = running(sandbox, code, says);
        const at = await told;
        return at - Number(/at (\S+)/.exec(sandbox.gathered(msgId, { status: 'ok' } as never).text())?.[1]);
      }),
    });
    await sandbox.session.dispose();
  }
  return rows;
}

async function fromOutside(engine: Engine, image: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [what, says, end] of FROM_OUTSIDE) {
    rows.push({
      what,
      says,
      told: await times(async () => {
        const sandbox = startSession(engine, image, SETTINGS);
        const { msgId, told } = running(sandbox, 'print("go")\nwhile True: pass', says);
        await sandbox.printed(msgId, 'go');
        const container = docker.getContainer(containerName(sandbox.session.id));
        const begun = Date.now();
        // the session may have removed it first
        const [at] = await Promise.all([told, end(container).catch(() => undefined)]);
        if (says === 'OutOfReach') {
          await container.unpause();
        }
        await sandbox.session.dispose();
        return at - begun;
      }),
    });
  }
  return rows;
}

async function ofTheEngine(image: string): Promise<Row[]> {
  const own = await UnpluggedEngine.start();
  let engine: Engine | undefined;
  try {
    await own.load(new Docker(), [image]);
    engine = await connect(own.host);
    const rows: Row[] = [];
    for (const [what, does, undo] of OF_THE_ENGINE) {
      rows.push({
        what,
        says: 'OutOfReach',
        told: await times(async () => {
          assert.ok(engine);
          const sandbox = startSession(engine, image, SETTINGS);
          const { msgId, told } = running(sandbox, 'print("go")\nwhile True: pass', 'OutOfReach');
          await sandbox.printed(msgId, 'go');
          const begun = Date.now();
          const [at] = await Promise.all([told, does(own)]);
          await undo(own);
          await sandbox.session.dispose();
          return at - begun;
        }),
      });
    }
    return rows;
  } finally {
    await endSessions();
    engine?.dispose();
    await own.stop();
  }
}

/** Runs the cell. `told` resolves with the time of its report: the failure in its reply, or a notice in its output. */
function running({ session }: TestSession, code: string, says: string): { msgId: string; told: Promise<number> } {
  const { msgId, reply } = session.execute(code);
  const told = new Promise<number>((resolve, reject) => {
    const listening = session.onEvent((event: SandboxEvent) => {
      if (event.parent_header.msg_id !== msgId || event.msg_type !== 'notice' || event.content.code !== says) {
        return;
      }
      listening.dispose();
      resolve(Date.now());
    });
    reply.then(({ failure }) => {
      if (failure?.code === says) {
        resolve(Date.now());
      } else {
        reject(new Error(`not ${says}: ${JSON.stringify(failure)}`));
      }
    }, reject);
  });
  return { msgId, told };
}

async function times(once: () => Promise<number>): Promise<number[]> {
  const all: number[] = [];
  for (let i = 0; i < RUNS; i += 1) {
    all.push(await once());
  }
  return all;
}

function table(rows: readonly Row[]): string {
  return [
    '| what happens | the cell says | median | longest |',
    '|---|---|---|---|',
    ...rows.map(
      ({ what, says, told }) =>
        `| ${what} | \`${says}\` | ${Math.round(median(told))} ms | ${Math.round(Math.max(...told))} ms |`,
    ),
  ].join('\n');
}

main(process.argv.slice(2)).then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
