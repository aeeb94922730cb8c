import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import path from 'node:path';
import Docker from 'dockerode';
import { connect } from './engine.mjs';
import { Failure } from './failure.mjs';
import { step } from './log.mjs';
import { cacheDir } from './paths.mjs';
import { onShutdown } from './shutdown.mjs';
import { endGroup, findCommand, tail } from './tools.mjs';
import { until, within } from './waiting.mjs';

/** The state of containers in memory, which is gone after a restart of the machine, as Podman expects. */
const RUN = '/run/sandboxed-ipython-dev';

/**
 * Makes every Podman service of these tests the same, whatever the machine has: no systemd and no journal; runc,
 * because crun refuses cgroups of both versions at the same time; limits that a root user without all capabilities may
 * set; separate locks.
 */
const CONTAINERS_CONF = `
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
lock_type = "file"
[containers]
log_driver = "k8s-file"
default_ulimits = ["nofile=16384:16384", "nproc=16384:16384"]
`;

/**
 * Starts Podman's service with its own storage, which stays in the cache, and copies a base image from the other engine
 * to it.
 * @param {string} image
 * @returns {Promise<string>} what DOCKER_HOST names
 */
export async function startPodman(image) {
  if (process.getuid?.() !== 0) {
    throw new Failure('The tests run Podman as root.', { nextStep: 'sudo npm test -- podman' });
  }
  const folder = mkdtempSync(path.join(tmpdir(), 'podman-'));
  onShutdown("the folder of Podman's socket", () => rmSync(folder, { recursive: true, force: true }));
  const socketPath = path.join(folder, 'podman.sock');
  await step('started Podman', () => startService(folder, socketPath));
  await ensureImage(new Docker({ socketPath, host: undefined }), image);
  return `unix://${socketPath}`;
}

async function startService(folder, socketPath) {
  mkdirSync(RUN, { recursive: true });
  const config = path.join(folder, 'containers.conf');
  writeFileSync(config, CONTAINERS_CONF);
  const logFile = path.join(cacheDir('podman'), 'podman.log');
  const log = openSync(logFile, 'w');
  const service = spawn(
    findCommand('podman'),
    [
      '--root',
      cacheDir('podman', 'storage'),
      '--runroot',
      path.join(RUN, 'root'),
      '--tmpdir',
      path.join(RUN, 'tmp'),
      '--network-config-dir',
      cacheDir('podman', 'networks'),
      'system',
      'service',
      '--time=0',
      `unix://${socketPath}`,
    ],
    {
      // Containers that run out of memory leave a file in the working folder of their monitor.
      cwd: folder,
      detached: true,
      stdio: ['ignore', log, log],
      env: { ...process.env, CONTAINERS_CONF: config },
    },
  );
  let failed;
  service.once('error', (error) => {
    failed = error.message;
  });
  service.once('exit', (code, signal) => {
    failed ??= `it ended at once (${signal ?? code})`;
  });
  onShutdown('Podman', () => endGroup(service));
  const podman = new Docker({ socketPath, host: undefined });
  const answers = () =>
    podman.ping().then(
      () => true,
      () => false,
    );
  await until(() => failed || answers(), { ms: 30_000, every: 100, what: 'Starting Podman' }).catch((cause) => {
    failed = cause.message;
  });
  if (failed) {
    throw new Failure(`Podman did not start: ${failed}\n${tail(readFileSync(logFile, 'utf8'), 15)}`, {
      nextStep: `The whole log is ${logFile}`,
    });
  }
}

/** Copies an image to Podman unless it has the same one. */
async function ensureImage(podman, name) {
  const idIn = (engine) =>
    engine
      .getImage(name)
      .inspect()
      .then(
        ({ Id }) => Id,
        () => undefined,
      );
  if ((await idIn(podman)) === (await idIn(connect()))) {
    return;
  }
  await step(`brought ${name} to Podman`, async () => {
    const answer = await podman.loadImage(await connect().getImage(name).get());
    await within(
      new Promise((resolve, reject) => answer.resume().once('end', resolve).once('error', reject)),
      300_000,
      `Loading ${name}`,
    );
  });
}
