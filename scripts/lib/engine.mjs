import { existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { spawn } from 'node:child_process';
import path from 'node:path';
import Docker from 'dockerode';
import { Failure } from './failure.mjs';
import { step } from './log.mjs';
import { missingEngine } from './missing-engine.mjs';
import { cacheDir } from './paths.mjs';
import { onShutdown } from './shutdown.mjs';
import { ensureSystemPackages, mayInstall } from './system-packages.mjs';
import { endGroup, findCommand, tail } from './tools.mjs';
import { until, within } from './waiting.mjs';

/** Where the engine is: what the environment says, else the standard socket. */
export const ENGINE_HOST = process.env.DOCKER_HOST || 'unix:///var/run/docker.sock';

/** A client of that engine. */
export function connect() {
  // docker-modem reads DOCKER_HOST, with its certificates, by itself
  return process.env.DOCKER_HOST ? new Docker() : new Docker({ socketPath: '/var/run/docker.sock' });
}

/** Whether an engine answers. A `docker` command alone says nothing: it may be a client without an engine. */
export async function engineAnswers() {
  try {
    await within(connect().ping(), 5_000, 'The ping of the container engine');
    return true;
  } catch {
    return false;
  }
}

/**
 * Uses the engine that is there, or starts one where this script may.
 * @param {{ keep?: boolean }} [options] `keep`: leave an engine that had to be started running after this script
 * @returns {Promise<void>}
 */
export async function ensureEngine({ keep = false } = {}) {
  if (await engineAnswers()) {
    return;
  }
  if (process.env.DOCKER_HOST || !mayInstall()) {
    throw missingEngine(ENGINE_HOST);
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
  daemon.once('error', (error) => { failed = error.message; });
  daemon.once('exit', (code, signal) => { failed ??= `it ended at once (${signal ?? code})`; });
  if (keep) {
    daemon.unref();
  } else {
    // stopping containers takes the daemon up to its own 15 s each, side by side
    onShutdown('the container engine', () => endGroup(daemon, 30_000));
  }
  await until(() => failed || engineAnswers(), { ms: 60_000, every: 200, what: 'Starting dockerd' })
    .catch((cause) => { failed = cause.message; });
  if (failed) {
    throw new Failure(`dockerd did not start: ${failed}\n${tail(readFileSync(logFile, 'utf8'), 15)}`, {
      nextStep: `The whole log is ${logFile}`,
    });
  }
}
