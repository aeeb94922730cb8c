/**
 * Injects faults into running notebooks, round after round, on a separate engine: `faults.js [--seed N] [--faults 1000]
 * [--from ROUND] [--keep FILE] [--drop N] [--tell] [--write]`. It ends at the first finding and prints how to run that
 * round again. With `--keep`, each finished round is one line of this file, and a run that finds rounds of its seed
 * there continues after them. `npm run faults` prepares everything and calls this.
 */
import { randomInt } from 'node:crypto';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import os from 'node:os';
import { parseArgs } from 'node:util';
import { connect, testLog } from '../test/session/support/sandboxes';
import { dropping } from '../test/faults/support/broken';
import { runRound, ROUND, type RoundResult } from '../test/faults/support/round';
import { setUp } from '../test/faults/support/setUp';
import { KINDS, type FaultKind } from '../test/faults/support/verdict';
import { machine, median, write } from './report';

async function main(args: string[]): Promise<boolean> {
  const { values } = parseArgs({
    args,
    options: {
      seed: { type: 'string' },
      faults: { type: 'string', default: '1000' },
      from: { type: 'string' },
      keep: { type: 'string' },
      drop: { type: 'string' },
      tell: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
    },
  });
  const seed = Number(values.seed ?? randomInt(1, 1_000_000));
  const kept = values.keep === undefined ? [] : readKept(values.keep, seed);
  const from = Number(values.from ?? kept.length);
  const rounds = Math.ceil(Number(values.faults) / ROUND.length);
  if (![seed, from, rounds].every((number) => Number.isSafeInteger(number) && number >= 0)) {
    throw new Error('--seed, --faults and --from are whole numbers');
  }
  const load = [os.loadavg()[0] ?? 0];
  const ground = await setUp();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => void ground.remove().finally(() => process.exit(1)));
  }
  const results: RoundResult[] = kept.slice(0, from);
  const version = await versionOf();
  try {
    for (let round = from; round < rounds; round += 1) {
      const result = await runRound({
        ...ground,
        seed,
        round,
        log: testLog,
        ...(values.drop !== undefined && { broken: dropping(Number(values.drop)) }),
      });
      results.push(result);
      if (values.keep !== undefined) {
        keep(values.keep, seed, result);
      }
      console.log(line(round, rounds, result));
      const { findings, left, history } = result;
      const told = history.map((one) => `    ${one}`).join('\n');
      if (values.tell) {
        console.log(told);
      }
      if (findings.length + left.length === 0) {
        continue;
      }
      for (const { wrong, cell, why } of findings) {
        console.log(`  ${wrong}: ${cell}: ${why}`);
      }
      for (const one of left) {
        console.log(`  left: ${one}`);
      }
      console.log(
        `${values.tell ? '' : `${told}\n`}Again: npm run faults -- --seed ${seed} --from ${round} --faults ${(round + 1) * ROUND.length}`,
      );
      return false;
    }
    load.push(os.loadavg()[0] ?? 0);
    const text = `${table(results)}\n\nSeed ${seed}, ${results.length} rounds. ${machine(load, version)}`;
    console.log(text);
    if (values.write) {
      write('npm run faults -- --write', text);
    }
    return true;
  } catch (error) {
    console.error(error);
    return false;
  } finally {
    await ground.remove();
  }
}

async function versionOf(): Promise<string> {
  const engine = await connect();
  const { product, version } = engine.info;
  engine.dispose();
  return `${product} ${version}`;
}

function keep(file: string, seed: number, result: RoundResult): void {
  appendFileSync(file, `${JSON.stringify({ seed, result: { ...result, faults: [...result.faults], history: [] } })}\n`);
}

/** Returns the clean rounds of this seed, in order. Rounds after one with findings are run again. */
function readKept(file: string, seed: number): RoundResult[] {
  if (!existsSync(file)) {
    return [];
  }
  const lines = readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map(
      (text) =>
        JSON.parse(text) as { seed: number; result: Omit<RoundResult, 'faults'> & { faults: [FaultKind, number][] } },
    );
  return lines
    .filter((one) => one.seed === seed && one.result.findings.length + one.result.left.length === 0)
    .map(({ result }) => ({ ...result, faults: new Map(result.faults) }));
}

const faultsOf = ({ faults }: RoundResult): number => [...faults.values()].reduce((sum, one) => sum + one, 0);

function line(round: number, rounds: number, result: RoundResult): string {
  const { cells, ran, findings, left, settled, seconds } = result;
  const wrong = findings.length + left.length === 0 ? 'clean' : `${findings.length} findings, ${left.length} left over`;
  return `round ${round} of ${rounds}: ${faultsOf(result)} faults, ${cells} cells sent, ${ran} ran, ${wrong}; settled after ${(settled / 1000).toFixed(1)} s; ${seconds.toFixed(0)} s`;
}

function table(results: readonly RoundResult[]): string {
  const sum = (of: (result: RoundResult) => number): number => results.reduce((all, result) => all + of(result), 0);
  const told = results.flatMap((result) => result.told);
  const wrong = (...kinds: string[]): number =>
    sum(({ findings }) => findings.filter((finding) => kinds.includes(finding.wrong)).length);
  const rows: [string, string | number][] = [
    ['cells sent', sum(({ cells }) => cells)],
    ['cells that ran', sum(({ ran }) => ran)],
    ['faults', sum(faultsOf)],
    ...KINDS.map((kind): [string, number] => [`– ${kind}`, sum(({ faults }) => faults.get(kind) ?? 0)]),
    ['cells stuck', wrong('stuck')],
    ['outputs lost or doubled', wrong('lost', 'doubled')],
    ['cells run twice', wrong('ran twice')],
    ['ends without a cause', wrong('unexplained')],
    ['containers, networks, volumes and files left', sum(({ left }) => left.length)],
    [
      `from a death to the end of its cell, where nothing else was wrong (${told.length} cells): median, longest`,
      `${ms(median(told))}, ${ms(Math.max(...told))}`,
    ],
    [
      'from the last fault to the end of the last cell: longest',
      ms(Math.max(...results.map(({ settled }) => settled))),
    ],
  ];
  return ['| | |', '|---|---|', ...rows.map(([what, value]) => `| ${what} | ${value} |`)].join('\n');
}

const ms = (value: number): string => (value < 1_000 ? `${Math.round(value)} ms` : `${(value / 1_000).toFixed(1)} s`);

main(process.argv.slice(2)).then(
  (clean) => process.exit(clean ? 0 : 1),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
