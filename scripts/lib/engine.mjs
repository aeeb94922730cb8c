import { existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { homedir } from 'node:os';
import path from 'node:path';
import Docker from 'dockerode';
import { importTypeScript } from './bundle.mjs';
import { Failure } from './failure.mjs';
import { step } from './log.mjs';
import { missingEngine, unusableEngine } from './missing-engine.mjs';
import { cacheDir } from './paths.mjs';
import { onShutdown } from './shutdown.mjs';
import { ensureSystemPackages, mayInstall } from './system-packages.mjs';
import { endGroup, findCommand, tail } from './tools.mjs';
import { until, within } from './waiting.mjs';

const STANDARD = 'unix:///var/run/docker.sock';

/**
 * The address of the engine: DOCKER_HOST, which {@link ensureEngine} sets if it finds the engine elsewhere, otherwise
 * the standard socket.
 */
export const engineHost = () => process.env.DOCKER_HOST || STANDARD;

/** Returns a client of that engine. */
export function connect() {
  // docker-modem reads DOCKER_HOST and its certificates by itself.
  return process.env.DOCKER_HOST ? new Docker() : new Docker({ socketPath: '/var/run/docker.sock' });
}

/**
 * Returns the places where the user may have an engine, as the extension does. If these scripts may start an engine of
 * their own, they look for no other.
 */
async function endpoints() {
  if (!process.env.DOCKER_HOST && mayInstall()) {
    return [{ label: STANDARD, socketPath: '/var/run/docker.sock' }];
  }
  const { endpointCandidates } = await importTypeScript('src/engine/endpoint.ts');
  const { readSmallFile } = await importTypeScript('src/engine/small-file.ts');
  const machine = { platform: process.platform, env: process.env, home: homedir(), uid: process.getuid?.() };
  return endpointCandidates(machine, readSmallFile).catch((error) => {
    throw unusableEngine(error);
  });
}

/**
 * Whether an engine answers. An installed `docker` command proves nothing, because it may be a client without an
 * engine.
 */
async function answers(client) {
  try {
    await within(client.ping(), 5_000, 'The ping of the container engine');
    return true;
  } catch {
    return false;
  }
}

async function firstThatAnswers(candidates) {
  for (const endpoint of candidates) {
    // docker-modem reads more from DOCKER_HOST than an address.
    if (await answers(endpoint.named?.by === 'DOCKER_HOST' ? connect() : new Docker(addressOf(endpoint)))) {
      return endpoint;
    }
  }
  return undefined;
}

const addressOf = ({ socketPath, host, port }) =>
  socketPath === undefined ? { protocol: 'http', host, port, socketPath } : { socketPath, host, port };
/** Returns the address in the form of DOCKER_HOST. */
const hostOf = ({ socketPath, host, port }) =>
  socketPath === undefined
    ? `tcp://${host}:${port}`
    : `${process.platform === 'win32' ? 'npipe' : 'unix'}://${socketPath}`;

/** Whether an engine of the user, or one that these scripts have started, answers. */
export async function engineAnswers() {
  return (await firstThatAnswers(await endpoints().catch(() => []))) !== undefined;
}

/**
 * Uses an existing engine, or starts one if this script may.
 * @param {{ keep?: boolean }} [options] `keep`: leave an engine that had to be started running after this script
 * @returns {Promise<void>}
 */
export async function ensureEngine({ keep = false } = {}) {
  const candidates = await endpoints();
  const found = await firstThatAnswers(candidates);
  if (found !== undefined) {
    if (hostOf(found) !== engineHost() && found.named?.by !== 'DOCKER_HOST') {
      process.env.DOCKER_HOST = hostOf(found); // for all processes that are started from here
    }
    return;
  }
  if (process.env.DOCKER_HOST || !mayInstall()) {
    throw missingEngine(candidates);
  }
  await ensureSystemPackages(['engine']);
  await step('started the container engine', () => startDaemon(keep));
}

/**
 * Files that a killed engine leaves behind. If another process gets the process id in them, dockerd believes that it
 * already runs.
 */
const PID_FILES = { '/var/run/docker.pid': 'dockerd', '/var/run/docker/containerd/containerd.pid': 'containerd' };

function removeStalePidFiles() {
  for (const [file, command] of Object.entries(PID_FILES)) {
    if (existsSync(file) && commandOf(readFileSync(file, 'utf8').trim()) !== command) {
      rmSync(file);
    }
  }
}

/** @param {string} pid @returns {string} the name of that process; empty if there is none */
function commandOf(pid) {
  try {
    return readFileSync(`/proc/${Number.parseInt(pid, 10)}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

async function startDaemon(keep) {
  removeStalePidFiles();
  const logFile = path.join(cacheDir('engine'), 'dockerd.log');
  const log = openSync(logFile, 'w');
  const daemon = spawn(findCommand('dockerd'), [], { detached: true, stdio: ['ignore', log, log] });
  let failed;
  daemon.once('error', (error) => {
    failed = error.message;
  });
  daemon.once('exit', (code, signal) => {
    failed ??= `it ended at once (${signal ?? code})`;
  });
  if (keep) {
    daemon.unref();
  } else {
    // The daemon needs up to 15 s to stop its containers, all at the same time.
    onShutdown('the container engine', () => endGroup(daemon, 30_000));
  }
  await until(() => failed || answers(connect()), { ms: 60_000, every: 200, what: 'Starting dockerd' }).catch(
    (cause) => {
      failed = cause.message;
    },
  );
  if (failed) {
    throw new Failure(`dockerd did not start: ${failed}\n${tail(readFileSync(logFile, 'utf8'), 15)}`, {
      nextStep: `The whole log is ${logFile}`,
    });
  }
}
