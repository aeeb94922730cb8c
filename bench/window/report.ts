import { median, table, type Row } from '../report';
import { RUN_ALL_CELLS, type KernelName, type Measured, type Measurement, type Results } from './results';

/**
 * Maximum number of milliseconds that the extension host may be blocked. Users notice longer blocks in other
 * extensions.
 */
const LONGEST_BLOCK_MS = 50;

const NAMES: Record<Measurement, { what: string; bound: number }> = {
  first: { what: 'first cell, kernel just chosen', bound: 1 },
  opened: { what: 'first cell, notebook open for 2 s', bound: 0.2 },
  runAll: { what: `a cell of a run of ${RUN_ALL_CELLS}, over the floor`, bound: 0.3 },
  lines: { what: '100,000 lines', bound: 0.7 },
  busy: { what: '100,000 lines beside two busy loops', bound: 0.7 },
  image: { what: 'an image of 10 MB', bound: 1 },
  table: { what: 'a table of 20 MB', bound: 1 },
};

/** Returns both tables of the README. */
export function report(measured: Results['measured']): string {
  const all = (Object.keys(NAMES) as Measurement[]).flatMap((name) => {
    const one = measured[name];
    return one === undefined ? [] : [{ name, one }];
  });
  const rows = all.map(({ name, one }): Row => {
    const { ours, peer } =
      name === 'runAll' ? overFloor(one) : { ours: times(one, 'ours'), peer: times(one, 'ipykernel') };
    return { ...NAMES[name], ours, peer, peerWhat: 'the same' };
  });
  return `${table(rows)}\n\n${blocks(all)}`;
}

/** The time for one cell beyond that of a kernel which does nothing. */
function overFloor(one: Measured): { ours: number[]; peer: number[] } {
  const floor = median(times(one, 'floor'));
  const over = (kernel: KernelName): number[] => times(one, kernel).map((ms) => (ms - floor) / RUN_ALL_CELLS);
  return { ours: over('ours'), peer: over('ipykernel') };
}

function blocks(all: readonly { name: Measurement; one: Measured }[]): string {
  const lines = all.map(({ name, one }) => {
    const [ours, peer] = [longest(one, 'ours'), longest(one, 'ipykernel')];
    const floor = one.floor === undefined ? ['', ''] : longest(one, 'floor').map(ms);
    return `| ${NAMES[name].what} | ${ours.map(ms).join(' | ')} | ${peer.map(ms).join(' | ')} | ${floor.join(' | ')} | ≤ ${LONGEST_BLOCK_MS} ms | ${(ours[1] ?? 0) <= LONGEST_BLOCK_MS ? 'yes' : 'no'} |`;
  });
  return [
    "| the extension host's longest block | ours, median | of all runs | ipykernel's, median | of all runs | VS Code alone, median | of all runs | bound | met |",
    '|---|---|---|---|---|---|---|---|---|',
    ...lines,
  ].join('\n');
}

const times = (one: Measured, kernel: KernelName): number[] => (one[kernel] ?? []).map(({ ms: taken }) => taken);

/** Returns the median of the runs, and the maximum of all runs. */
function longest(one: Measured, kernel: KernelName): [number, number] {
  const all = (one[kernel] ?? []).map(({ block }) => block);
  return [median(all), Math.max(...all)];
}

const ms = (value: number): string => `${value.toFixed(0)} ms`;
