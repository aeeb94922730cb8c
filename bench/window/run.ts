/**
 * Times our kernel in a real VS Code beside a plain ipykernel: `run.js PYTHON [--write] [--others N] [--only NAME,…]`,
 * where PYTHON has ipykernel. `npm run bench -- --window` prepares everything and calls this.
 */
import { runTests } from '@vscode/test-electron';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { connectEngine } from '../../src/engine/connect';
import type { Engine } from '../../src/engine/engine';
import { installNetwork } from '../../src/engine/image/install-network';
import { silentProgress } from '../../src/engine/progress';
import { ContainerSession } from '../../src/session/session';
import { DEFAULT_SETTINGS } from '../../src/session/settings';
import { machine, write } from '../report';
import { report } from './report';
import type { Results } from './results';

const ROOT = path.resolve(__dirname, '../../..');

async function main(): Promise<void> {
  const {
    values,
    positionals: [python = 'python3'],
  } = parseArgs({
    allowPositionals: true,
    options: {
      window: { type: 'boolean' },
      write: { type: 'boolean' },
      others: { type: 'string', default: '0' },
      only: { type: 'string', default: '' },
    },
  });
  const load = [os.loadavg()[0] ?? 0];
  const engine = await connectEngine({
    platform: process.platform,
    env: process.env,
    home: os.homedir(),
    uid: process.getuid?.(),
  });
  const others: ContainerSession[] = [];
  try {
    const image = await engine.ensureImage(
      {
        base: process.env['SANDBOXED_IPYTHON_TEST_BASE'] ?? DEFAULT_SETTINGS.image,
        packages: [],
        runnerFolder: path.join(ROOT, 'runner'),
        network: await installNetwork(process.env),
      },
      silentProgress,
    );
    for (let i = 0; i < Number(values.others); i += 1) {
      others.push(await idleSandbox(engine, image));
    }
    const { vscode, measured } = await measure(python, values.only);
    load.push(os.loadavg()[0] ?? 0);
    const { product, version } = engine.info;
    const text = `${report(measured)}\n\nTaken on ${new Date().toISOString().slice(0, 10)} beside ${others.length} other sandboxes: ${machine(load, `VS Code ${vscode}, ${product} ${version}`)}`;
    console.log(text);
    if (values.write === true) {
      write('npm run bench -- --window --write', text);
    }
  } finally {
    await Promise.all(others.map((other) => other.dispose()));
    engine.dispose();
  }
}

async function idleSandbox(engine: Engine, image: string): Promise<ContainerSession> {
  const session = ContainerSession.start(engine, {
    image,
    owner: 'bench',
    notebookHint: '',
    settings: DEFAULT_SETTINGS,
    lease: DEFAULT_SETTINGS.keepAlive * 60,
  });
  await session.started;
  return session;
}

async function measure(python: string, only: string): Promise<Results> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'bench-window-'));
  const out = path.join(folder, 'results.json');
  mkdirSync(path.join(folder, 'workspace'));
  try {
    await runTests({
      ...(process.env['VSCODE_TEST_DESKTOP'] === undefined
        ? { vscodeExecutablePath: path.join(ROOT, 'test/support/bin/code.mjs') }
        : {}),
      extensionDevelopmentPath: ROOT,
      extensionTestsPath: path.join(__dirname, 'index.js'),
      launchArgs: [path.join(folder, 'workspace'), '--disable-extensions'],
      extensionTestsEnv: { BENCH_OUT: out, BENCH_ONLY: only, BENCH_PYTHON: python },
    });
  } catch (error) {
    if (!existsSync(out)) {
      throw error;
    }
  }
  try {
    const results = JSON.parse(readFileSync(out, 'utf8')) as Results;
    if (results.failure !== undefined) {
      console.error(results.failure);
    }
    return results;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

main().then(
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
