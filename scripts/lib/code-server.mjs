import { copyFileSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { step } from './log.mjs';
import { cacheDir } from './paths.mjs';
import { run } from './tools.mjs';

/** VS Code as a server: the full workbench and a Node extension host, from npm alone. Raise both versions together. */
const CODE_SERVER = '4.139.1';
/** The Node version that this code-server requires. */
const NODE = '24.21.0';
/** Raise this number when the steps below change. */
const RECIPE = 1;

const NPM = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];

/**
 * Native modules that would have to be compiled, and their replacements. Only those are replaced without which
 * code-server fails: the log file of every output channel, and the watch on the parent process (which is also polled in
 * JavaScript).
 */
const STAND_INS = { '@vscode/spdlog': 'spdlog.cjs', '@vscode/native-watchdog': 'native-watchdog.cjs' };

/**
 * Installs code-server and its Node into the cache, without compiling anything. Does nothing if they exist.
 * @returns {Promise<string>} the folder, as CODE_SERVER_HOME
 */
export async function ensureCodeServer() {
  const home = path.join(cacheDir('code-server'), `${CODE_SERVER}-node-${NODE}-${RECIPE}`);
  const done = path.join(home, '.installed');
  if (!existsSync(done)) {
    await step(`installed code-server ${CODE_SERVER}`, () => install(home));
    writeFileSync(done, '');
  }
  return home;
}

async function install(home) {
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  writeFileSync(path.join(home, 'package.json'), '{"private":true}');
  const npm = (cwd, ...args) => run('npm', [...NPM, ...args], { cwd, deadline: 300_000 });
  // Its install scripts would refuse this Node and compile modules that notebooks do not need.
  await npm(home, `code-server@${CODE_SERVER}`, `node-${process.platform}-${process.arch}@${NODE}`);
  const server = path.join(home, 'node_modules/code-server/lib/vscode');
  // `npm ci` fails here, because the package's shrinkwrap does not match its manifest.
  await npm(server, '--omit=dev');
  for (const [name, file] of Object.entries(STAND_INS)) {
    copyFileSync(
      path.join(import.meta.dirname, 'stand-ins', file),
      path.join(server, 'node_modules', name, 'index.js'),
    );
  }
}
