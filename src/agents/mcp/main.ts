/**
 * `node mcp.js [--settings FILE] [--runner FOLDER]`: a Model Context Protocol server on stdin and stdout. It needs nothing but an engine. The
 * file has what the extension's settings say (`ServerSettings`, as JSON); without it, the defaults hold. The folder has the runner's files;
 * by default it is the one that the extension ships.
 */
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { connectEngine } from '../../engine/connect';
import { installNetwork, type NetworkSettings } from '../../engine/image/install-network';
import { redact } from '../../engine/redact';
import { silentLog, type Log } from '../../log';
import type { RawSettings } from '../../session/settings';
import { SandboxPool } from '../sandbox-pool';
import { createServer } from './server';

/** What the extension writes for the server. */
export interface ServerSettings {
  version: string;
  /** Identifies the sandboxes of this installation on the engine. Default: a random id. */
  owner?: string;
  settings: RawSettings;
  /** How installs reach the package index, without a password. Default: as the environment says. */
  network?: NetworkSettings;
  /** Maximum number of sandboxes of one client. */
  maxSandboxes: number;
  /** Number of unused sandboxes that are kept started for the next call: 0 or 1. */
  warmSandboxes: number;
}

/** Minutes after which an unused sandbox ends if the user's setting is that it never does: an agent may live for days. */
const IDLE_MINUTES = 60;
const DEFAULTS: ServerSettings = { version: '0', settings: {}, maxSandboxes: 10, warmSandboxes: 1 };
/** The extension's folder has the runner beside the folder of the bundle. */
const RUNNER_FOLDER = path.join(__dirname, '..', 'runner');

/** Clients keep what a server writes to stderr for their users. */
const stderrLog: Log = {
  ...silentLog,
  warn: (message) => console.error(`sandboxed-ipython: ${redact(message)}`),
  error: (message) => console.error(`sandboxed-ipython: ${redact(message)}`),
};

function main(): void {
  const { values } = parseArgs({
    options: { settings: { type: 'string' }, runner: { type: 'string', default: RUNNER_FOLDER } },
  });
  const { version, owner, settings, network, maxSandboxes, warmSandboxes } = readSettings(values.settings);
  const pool = new SandboxPool({
    open: {
      settings: { ...settings, idleTimeout: settings.idleTimeout || IDLE_MINUTES },
      runnerFolder: values.runner,
      log: stderrLog,
      network: () => installNetwork(process.env, network),
      ...(owner !== undefined && { owner }),
    },
    connect: () =>
      connectEngine({
        platform: process.platform,
        env: process.env,
        home: os.homedir(),
        uid: process.getuid?.(),
        log: stderrLog,
      }),
    maxSandboxes,
    keepReady: warmSandboxes > 0,
  });
  const handle = serveStdio(() => createServer(pool, version), {
    onerror: (error) => console.error(`sandboxed-ipython: ${error.message}`),
  });
  pool.prepare();
  let isEnding = false;
  const end = (): void => {
    if (isEnding) {
      return;
    }
    isEnding = true;
    void Promise.allSettled([handle.close(), pool.close()]).then(() => process.exit(0));
  };
  process.stdin.once('end', end).once('close', end);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, end);
  }
}

function readSettings(file: string | undefined): ServerSettings {
  if (file === undefined) {
    return DEFAULTS;
  }
  try {
    return { ...DEFAULTS, ...(JSON.parse(readFileSync(file, 'utf8')) as Partial<ServerSettings>) };
  } catch (error) {
    console.error(`sandboxed-ipython: cannot read the settings in ${file}: ${String(error)}`);
    return process.exit(1); // with defaults, limits of the user would not hold
  }
}

main();
