import { withoutAnsi } from './ansi';

/** How IPython 8 and 9 name a line of a cell, in a frame and in a syntax error. */
const CELL_LINE = /\bCell In\s?\[(\d+)\], line (\d+)/g;

/**
 * The last line (from 0) of the cell with this execution count that an IPython traceback leads through; undefined if
 * it leads through none. A sandbox may send any number, so the caller has to check that the line exists.
 */
export function failingLine(traceback: readonly string[], executionCount: number): number | undefined {
  let line: number | undefined;
  for (const [, count, number] of withoutAnsi(traceback.join('\n')).matchAll(CELL_LINE)) {
    if (Number(count) === executionCount) {
      line = Number(number) - 1;
    }
  }
  return line;
}
