import { randomUUID } from 'node:crypto';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import Docker from 'dockerode';
import { connectEngine } from '../../src/engine/connect';
import type { Engine, ImageRequest, SandboxSpecification } from '../../src/engine/engine';
import { librariesName } from '../../src/engine/libraries';
import { execStream } from '../../src/engine/exec-stream';
import { installNetwork } from '../../src/engine/image/install-network';
import { silentProgress } from '../../src/engine/progress';
import { containerName } from '../../src/engine/specification';
import { silentLog } from '../../src/log';

export const BASE = process.env['SANDBOXED_IPYTHON_TEST_BASE'] ?? 'sandboxed-ipython-base:bookworm';
export const RUNNER = resolve(__dirname, '../../../runner');
export const MIB = 1024 * 1024;

/** Connects to the engine under test as the extension does. */
export const connect = (
  env: Readonly<Record<string, string | undefined>> = process.env,
  log = silentLog,
): Promise<Engine> => connectEngine({ platform: process.platform, env, home: homedir(), uid: process.getuid?.(), log });

/** The same engine without our code: tests prepare and inspect things with it. */
export const docker = new Docker(process.env['DOCKER_HOST'] ? {} : { socketPath: '/var/run/docker.sock' });

export const imageRequest = async (change: Partial<ImageRequest> = {}): Promise<ImageRequest> => ({
  base: BASE,
  packages: [],
  runnerFolder: RUNNER,
  network: await installNetwork(process.env),
  ...change,
});

export const usualImage = async (engine: Engine): Promise<string> =>
  engine.ensureImage(await imageRequest(), silentProgress);

/** Volumes of sandboxes that were created without a session. */
const volumes: string[] = [];
after(async () => {
  for (const name of volumes.splice(0)) {
    await docker
      .getVolume(name)
      .remove()
      .catch(() => undefined);
  }
});

export const specification = (image: string, change: Partial<SandboxSpecification> = {}): SandboxSpecification => ({
  libraries: newVolume(),
  sandboxId: `test-${randomUUID()}`,
  owner: 'engine-tests',
  notebookHint: 'file:///notebook.ipynb',
  image,
  uid: 20_000 + Math.floor(Math.random() * 40_000),
  memory: 512 * MIB,
  cpus: 1,
  pids: 128,
  logBudget: 64 * MIB,
  maxOutput: MIB,
  historySize: 100,
  pollInterval: 0.1,
  lease: 120,
  idle: 0,
  ...change,
});

export function newVolume(): string {
  const name = librariesName();
  volumes.push(name);
  return name;
}

/** Makes a copy of the runner in a new folder, with some files replaced. */
export async function runnerWith(
  files: Readonly<Record<string, string>>,
): Promise<{ folder: string; remove(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'runner-'));
  await cp(RUNNER, folder, { recursive: true, filter: (source) => !source.includes('__pycache__') });
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(folder, name), content);
  }
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Runs Python in a container, by default as the container's own user. Returns the output of both streams. */
export async function python(
  containerId: string,
  code: string,
  { interpreter = 'python3', user }: { interpreter?: string; user?: string } = {},
): Promise<string> {
  const exec = await docker.getContainer(containerId).exec({
    Cmd: [interpreter, '-I', '-c', code],
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    ...(user === undefined ? {} : { User: user }),
  });
  const { stream, stderr } = execStream(await exec.start({ hijack: true, stdin: true }));
  let said = '';
  for (const output of [stream, stderr]) {
    output.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  }
  await new Promise((ended) => stream.once('close', ended));
  return said;
}

/** Ends the relays of a sandbox, and so its streams. Only a process from outside can do this. */
export const killRelays = (sandboxId: string): Promise<string> =>
  python(
    containerName(sandboxId),
    `
import os, signal
for pid in [int(p) for p in os.listdir("/proc") if p.isdigit() and int(p) != os.getpid()]:
    try:
        if b"/relay.py" in open(f"/proc/{pid}/cmdline", "rb").read(): os.kill(pid, signal.SIGKILL)
    except OSError: pass`,
    { user: '0:0' },
  );

export async function until(
  what: string,
  condition: () => Promise<boolean> | boolean,
  milliseconds = 10_000,
): Promise<void> {
  const end = performance.now() + milliseconds;
  while (!(await condition())) {
    if (performance.now() > end) {
      throw new Error(`not within ${milliseconds} ms: ${what}`);
    }
    await new Promise((wake) => setTimeout(wake, 50));
  }
}

export const containerExists = async (idOrName: string): Promise<boolean> =>
  docker
    .getContainer(idOrName)
    .inspect()
    .then(
      () => true,
      (error: { statusCode?: number; message?: string }) => {
        if (error.statusCode === 404) {
          return false;
        }
        if (/container not known|does not exist in database/.test(error.message ?? '')) {
          return true;
        } // half of it, on Podman
        throw new Error('inspect failed', { cause: error });
      },
    );
