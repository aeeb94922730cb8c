import { spawn, type ChildProcess } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { BenchNotebook, bytesOf, textOf } from './notebook';
import { RUN_ALL_CELLS, type KernelName, type Measured, type Timed } from './results';
import { MAKE_IMAGE, MAKE_TABLE, SHOW_IMAGE, SHOW_TABLE } from './rich-cells';

const RUNS = { first: 5, opened: 5, runAll: 5, lines: 5, busy: 3, rich: 3 };
/** Milliseconds that a notebook has been open with its kernel chosen. */
const OPEN_MS = 2_000;
const BUSY_LOOPS = 2;

const PRINTS = 'for i in range(100_000): print(i)';
const LINES = Array.from({ length: 100_000 }, (_, i) => `${i}\n`).join('');

const MB = 1_000_000;

/** Times a cell of a new kernel that is run as soon as the kernel is chosen, or some time later. */
export const firstCells = (kernels: readonly KernelName[], { isOpen = false } = {}): Promise<Measured> =>
  inTurns(kernels, isOpen ? RUNS.opened : RUNS.first, async (kernel) => {
    const notebook = await BenchNotebook.open(kernel, ['pass']);
    try {
      if (isOpen) {
        await sleep(OPEN_MS);
      }
      return await notebook.run();
    } finally {
      await notebook.close();
    }
  });

/** Times all cells of a notebook whose kernel is warm. */
export function runAll(kernels: readonly KernelName[]): Promise<Measured> {
  const cells = Array.from({ length: RUN_ALL_CELLS }, () => 'pass');
  return warm(kernels, cells, RUNS.runAll, (notebook) => notebook.run());
}

export function lines(kernels: readonly KernelName[]): Promise<Measured> {
  return warm(kernels, ['pass', PRINTS], RUNS.lines, (notebook) => printed(notebook));
}

/** Times the same with both processors busy. */
export async function linesBesideLoops(kernels: readonly KernelName[]): Promise<Measured> {
  const loops: ChildProcess[] = [];
  try {
    return await warm(kernels, ['pass', PRINTS], RUNS.busy, async (notebook) => {
      for (let i = 0; i < BUSY_LOOPS; i += 1) {
        loops.push(
          spawn(process.execPath, ['-e', 'for (;;) {}'], {
            stdio: 'ignore',
            env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
          }),
        );
      }
      try {
        return await printed(notebook);
      } finally {
        end(loops);
      }
    });
  } finally {
    end(loops);
  }
}

export function image(kernels: readonly KernelName[]): Promise<Measured> {
  return warm(kernels, [MAKE_IMAGE, SHOW_IMAGE], RUNS.rich, (notebook) => shown(notebook, 10 * MB));
}

export function table(kernels: readonly KernelName[]): Promise<Measured> {
  return warm(kernels, [MAKE_TABLE, SHOW_TABLE], RUNS.rich, (notebook) => shown(notebook, 19 * MB));
}

async function printed(notebook: BenchNotebook): Promise<Timed> {
  const timed = await notebook.runCell(1);
  await notebook.shows(1, (cell) => textOf(cell) === LINES);
  return timed;
}

async function shown(notebook: BenchNotebook, leastBytes: number): Promise<Timed> {
  const timed = await notebook.runCell(1);
  await notebook.shows(1, (cell) => bytesOf(cell) >= leastBytes);
  return timed;
}

/**
 * Uses a new notebook for each run, so that no kernel's window holds more than another's. Its first cell starts the
 * kernel.
 */
const warm = (
  kernels: readonly KernelName[],
  sources: readonly string[],
  runs: number,
  measure: (notebook: BenchNotebook) => Promise<Timed>,
): Promise<Measured> =>
  inTurns(kernels, runs, async (kernel) => {
    const notebook = await BenchNotebook.open(kernel, sources);
    try {
      await notebook.runCell(0);
      await sleep(OPEN_MS);
      return await measure(notebook);
    } finally {
      await notebook.close();
    }
  });

/**
 * Measures the kernels in turns, so that other work of the machine affects all of them. The order changes with each
 * run.
 */
async function inTurns(
  kernels: readonly KernelName[],
  runs: number,
  measure: (kernel: KernelName) => Promise<Timed>,
): Promise<Measured> {
  const measured: Measured = {};
  for (let i = 0; i < runs; i += 1) {
    for (const kernel of i % 2 === 0 ? kernels : [...kernels].reverse()) {
      (measured[kernel] ??= []).push(await measure(kernel));
    }
  }
  return measured;
}

function end(children: ChildProcess[]): void {
  for (const child of children.splice(0)) {
    child.kill('SIGKILL');
  }
}
