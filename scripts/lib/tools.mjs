import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { Failure } from './failure.mjs';
import { ROOT } from './paths.mjs';
import { onShutdown } from './shutdown.mjs';

/** Tools of the administrator (dockerd, iptables) are not on every user's PATH. */
const SEARCHED = [...(process.env.PATH ?? '').split(path.delimiter), '/usr/sbin', '/sbin'].filter(Boolean);

/**
 * Returns the path of a command, or undefined.
 * @param {...string} names the first one found wins
 */
export function findCommand(...names) {
  for (const file of names.flatMap((name) => SEARCHED.map((folder) => path.join(folder, name)))) {
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // the command is not in this folder
    }
  }
  return undefined;
}

/** Ends a process and its children: first with SIGTERM, and with SIGKILL after `grace` ms. */
export async function endGroup(child, grace = 5_000) {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const signal = (name) => {
    try {
      process.kill(-child.pid, name);
    } catch {
      // the group is gone
    }
  };
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) {
    signal('SIGKILL'); // children that are still running
    return;
  }
  signal('SIGTERM');
  const hard = setTimeout(() => signal('SIGKILL'), grace);
  await ended;
  clearTimeout(hard);
  signal('SIGKILL');
}

/**
 * Starts a tool in its own process group, so that all of it can be ended, and ends it together with this script.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 */
export function start(command, args, options = {}) {
  const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], detached: true, ...options });
  const forget = onShutdown(path.basename(command), () => endGroup(child));
  child.once('exit', forget);
  child.once('error', forget);
  return child;
}

/**
 * Runs a tool to its end and returns what it printed. Its output is shown only when it fails.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ deadline: number, cwd?: string, env?: NodeJS.ProcessEnv, show?: boolean }} options
 *   `deadline` in ms; `show`: let it print as it goes
 */
export async function run(command, args, { deadline, show = false, ...options }) {
  const child = start(command, args, options);
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => {
      printed += text;
      if (show) {
        process.stdout.write(text);
      }
    });
  }
  const called = [path.basename(command), ...args].join(' ');
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    void endGroup(child);
  }, deadline);
  const [code, signal] = await new Promise((resolve, reject) => {
    child.once('error', (cause) => reject(new Failure(`${called} could not be started.`, { cause })));
    child.once('close', (...how) => resolve(how));
  }).finally(() => clearTimeout(timer));
  if (late || code !== 0) {
    const how = late ? `took longer than ${deadline / 1000} s` : `failed (${signal ?? `exit code ${code}`})`;
    throw new Failure(`${called}\n${how}${show ? '' : `:\n${tail(printed)}`}`);
  }
  return printed;
}

/** Returns the end of a long text, in which tools print their errors. */
export function tail(text, lines = 40) {
  return text.trimEnd().split('\n').slice(-lines).join('\n');
}
