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

/** Where the engine is: what the environment says, which is also told what {@link ensureEngine} finds elsewhere, else the standard socket. */
export const engineHost = () => process.env.DOCKER_HOST || STANDARD;

/** A client of that engine. */
export function connect() {
  // docker-modem reads DOCKER_HOST, with its certificates, by itself
  return process.env.DOCKER_HOST ? new Docker() : new Docker({ socketPath: '/var/run/docker.sock' });
}

/** Where this machine's user may have an engine, as the extension looks for it. Where these scripts may start one of their own, they look for no other. */
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

/** A `docker` command alone says nothing: it may be a client without an engine. */
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
    // of what DOCKER_HOST names docker-modem knows more than an address
    if (await answers(endpoint.named?.by === 'DOCKER_HOST' ? connect() : new Docker(addressOf(endpoint)))) {
      return endpoint;
    }
  }
  return undefined;
}

const addressOf = ({ socketPath, host, port }) =>
  socketPath === undefined ? { protocol: 'http', host, port, socketPath } : { socketPath, host, port };
/** As DOCKER_HOST has it. */
const hostOf = ({ socketPath, host, port }) =>
  socketPath === undefined
    ? `tcp://${host}:${port}`
    : `${process.platform === 'win32' ? 'npipe' : 'unix'}://${socketPath}`;

/** Whether there is an engine that the user has, or these scripts have started. */
export async function engineAnswers() {
  return (await firstThatAnswers(await endpoints().catch(() => []))) !== undefined;
}

/**
 * Uses the engine that is there, or starts one where this script may.
 * @param {{ keep?: boolean }} [options] `keep`: leave an engine that had to be started running after this script
 * @returns {Promise<void>}
 */
export async function ensureEngine({ keep = false } = {}) {
  const candidates = await endpoints();
  const found = await firstThatAnswers(candidates);
  if (found !== undefined) {
    if (hostOf(found) !== engineHost() && found.named?.by !== 'DOCKER_HOST') {
      process.env.DOCKER_HOST = hostOf(found); // for all that is started from here
    }
    return;
  }
  if (process.env.DOCKER_HOST || !mayInstall()) {
    throw missingEngine(candidates);
  }
  await ensureSystemPackages(['engine']);
  await step('started the container engine', () => startDaemon(keep));
}

/** What an engine that was killed leaves behind; with its number given to another process, dockerd takes itself for running. */
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
    // stopping containers takes the daemon up to its own 15 s each, side by side
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
