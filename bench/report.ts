import { readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** One comparison; times in milliseconds. */
export interface Row {
  what: string;
  ours: number[];
  /** The measurements of which the bound is a multiple, with their name. */
  peer: number[];
  peerWhat: string;
  /** The maximum ratio of the medians. */
  bound: number;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = Math.floor(sorted.length / 2);
  const [below, above] = [sorted[sorted.length % 2 === 0 ? half - 1 : half] ?? NaN, sorted[half] ?? NaN];
  return (below + above) / 2;
}

const ms = (value: number): string => `${value < 100 ? value.toFixed(1) : Math.round(value)} ms`;

export function table(rows: readonly Row[]): string {
  const lines = rows.map(({ what, ours, peer, peerWhat, bound }) => {
    const ratio = median(ours) / median(peer);
    return `| ${what} | ${ours.length} | ${ms(median(ours))} | ${ms(Math.min(...ours))} | ${peerWhat} | ${ms(median(peer))} | ${ms(Math.min(...peer))} | ${ratio.toFixed(2)} | ≤ ${bound} | ${ratio <= bound ? 'yes' : 'no'} |`;
  });
  return [
    "| | runs | median | best | against ipykernel's | median | best | ratio of medians | bound | met |",
    '|---|---|---|---|---|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}

/** Describes this machine so that readers can compare it with theirs, without its name and without paths. */
export function machine(load: readonly number[], engine: string): string {
  const [cpu] = os.cpus();
  return (
    `${os.cpus().length} × ${cpu?.model.trim() ?? 'unknown CPU'}, ${Math.round(os.totalmem() / 2 ** 30)} GB, load ${load.map((one) => one.toFixed(1)).join(' → ')}, ` +
    `${os.type()} ${os.release()}, Node ${process.versions.node}, ${engine}.`
  );
}

/** Replaces the text between two marks of the README. @param command the command that wrote it, as in the mark */
export function write(command: string, text: string): void {
  const file = path.join(__dirname, '../../bench/README.md');
  const readme = readFileSync(file, 'utf8');
  const mark = `<!-- table: ${command} -->`;
  const begin = readme.indexOf(mark);
  const end = readme.indexOf(END, begin);
  if (begin < 0 || end < begin) {
    throw new Error('bench/README.md has lost the marks around its table');
  }
  writeFileSync(file, `${readme.slice(0, begin + mark.length)}\n${text}\n${readme.slice(end)}`);
}

const END = '<!-- end of table -->';
