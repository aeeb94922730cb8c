import { withoutAnsi } from './ansi';

/** How IPython 8 and 9 name a place in a cell, of a frame and of a syntax error. */
const FRAME = /\bCell In\s?\[(\d+)\], line (\d+)/g;

/**
 * The line (from 0) of the cell with this execution count that a traceback of IPython's leads through last;
 * undefined if it leads through none. What a sandbox sends may name any line: the caller checks that there is one.
 */
export function failingLine(traceback: readonly string[], executionCount: number): number | undefined {
  let line: number | undefined;
  for (const [, count, number] of withoutAnsi(traceback.join('\n')).matchAll(FRAME)) {
    if (Number(count) === executionCount) {
      line = Number(number) - 1;
    }
  }
  return line;
}
