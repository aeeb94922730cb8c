import type { JsonObject } from '../protocol/messages';
import type { CellOutput } from './types';

/** Maximum number of outputs of a cell, far beyond what anybody looks at: an editor keeps an element of its page for each output. */
export const MAX_OUTPUTS = 10_000;
/** Notices of our own are few, so this many are shown in addition to {@link MAX_OUTPUTS}. */
export const MAX_NOTICES = 100;
/** Maximum lengths of a line of an error and of its whole traceback, in UTF-16 units. */
const MAX_LINE_LENGTH = 64 * 1024;
const MAX_TRACEBACK_LENGTH = 1024 * 1024;

/** Shortens an error: the beginning of a long message is kept, and the last lines of a long traceback, which say most. */
export function shortError({
  ename,
  evalue,
  traceback,
}: {
  ename: string;
  evalue: string;
  traceback: readonly string[];
}): Extract<CellOutput, { output_type: 'error' }> {
  const kept: string[] = [];
  let room = MAX_TRACEBACK_LENGTH;
  for (const line of [...traceback].reverse()) {
    const shown = short(line);
    room -= shown.length;
    if (room < 0) {
      break;
    }
    kept.unshift(shown);
  }
  return { output_type: 'error', ename, evalue: short(evalue), traceback: kept };
}

/** `transient` is in no document, and only its `display_id` is ever read, so nothing else is kept. */
export const shortTransient = ({ display_id: id }: JsonObject): JsonObject =>
  typeof id === 'string' ? { display_id: id } : {};

const short = (text: string): string => (text.length > MAX_LINE_LENGTH ? `${text.slice(0, MAX_LINE_LENGTH)}…` : text);
