import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import * as vscode from 'vscode';
import { firstCells, image, lines, linesBesideLoops, runAll, table } from './measurements';
import { BenchNotebook } from './notebook';
import { registerPeers } from './peers';
import type { Measured, Measurement, Results } from './results';

const SECTION = 'sandboxedIPython';
const BOTH = ['ours', 'ipykernel'] as const;
const ALL = [...BOTH, 'floor'] as const;

const MEASUREMENTS: Record<Measurement, () => Promise<Measured>> = {
  first: () => firstCells(BOTH),
  opened: () => firstCells(BOTH, { isOpen: true }),
  runAll: () => runAll(ALL),
  lines: () => lines(BOTH),
  busy: () => linesBesideLoops(BOTH),
  image: () => image(ALL),
  table: () => table(ALL),
};

/**
 * VS Code calls this in its extension host. `$BENCH_OUT`: the file for the results; `$BENCH_ONLY`: names of
 * measurements, all if it is empty.
 */
export async function run(): Promise<void> {
  const out = process.env['BENCH_OUT'];
  assert.ok(out);
  const leave = (results: Results): void => writeFileSync(out, JSON.stringify(results));
  const results: Results = { vscode: vscode.version, measured: {} };
  try {
    await measure(results, () => leave(results));
  } catch (error) {
    leave({ ...results, failure: error instanceof Error ? (error.stack ?? String(error)) : String(error) });
    throw error;
  }
}

/** @param leave is called when there is another result */
async function measure({ measured }: Results, leave: () => void): Promise<void> {
  const { BENCH_ONLY: only, BENCH_PYTHON: python, SANDBOXED_IPYTHON_TEST_BASE: base } = process.env;
  assert.ok(python && base);
  await set(SECTION, { image: base, packages: [], keepAlive: 0, maxOutput: '100MB', logBudget: '256MB' });
  await set('files', { autoSave: 'off' }); // automatic saving would process the outputs at some time
  const chosen = (Object.keys(MEASUREMENTS) as Measurement[]).filter((name) => !only || only.split(',').includes(name));
  const peers = registerPeers(python);
  await beginAll();
  for (const name of chosen) {
    await startsOnOpen(name === 'opened');
    measured[name] = await MEASUREMENTS[name]();
    leave();
  }
  peers.dispose();
}

/** The first run of all is not measured, because it loads code and finds the engine. */
async function beginAll(): Promise<void> {
  for (const kernel of ALL) {
    const notebook = await BenchNotebook.open(kernel, ['pass']);
    await notebook.run();
    await notebook.close();
  }
}

/** "From cold" means that nothing was started before the kernel was chosen. */
async function startsOnOpen(isOpen: boolean): Promise<void> {
  if (vscode.workspace.getConfiguration(SECTION).inspect('startOn')?.defaultValue !== undefined) {
    await set(SECTION, { startOn: isOpen ? 'open' : 'run' });
  }
}

async function set(section: string, values: Readonly<Record<string, unknown>>): Promise<void> {
  const configuration = vscode.workspace.getConfiguration(section);
  for (const [name, value] of Object.entries(values)) {
    await configuration.update(name, value, vscode.ConfigurationTarget.Global);
  }
}
