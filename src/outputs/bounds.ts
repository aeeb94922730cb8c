import type { JsonObject } from '../protocol/messages';
import type { CellOutput } from './types';

/** Outputs that a cell shows at once, far beyond what anybody looks at: an editor keeps each of them as an element of its page. */
export const MAX_OUTPUTS = 10_000;
/** Our own words about a cell are few, and are shown beyond that. */
export const MAX_NOTICES = 100;
/** Characters of a line of an error, and of all its lines. */
const MAX_LINE = 64 * 1024;
const MAX_TRACEBACK = 1024 * 1024;

/** An error whose message is a whole file tells no more than its beginning; the last lines of a traceback tell most. */
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
  let room = MAX_TRACEBACK;
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

/** What is in no document: of it only the display's name is ever read. */
export const shortTransient = ({ display_id: id }: JsonObject): JsonObject =>
  typeof id === 'string' ? { display_id: id } : {};

const short = (text: string): string => (text.length > MAX_LINE ? `${text.slice(0, MAX_LINE)}…` : text);
