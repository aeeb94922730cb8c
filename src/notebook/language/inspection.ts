import type { MimeBundle } from '../../protocol/messages';
import { withoutAnsi } from '../traceback/ansi';

/** Most characters of documentation that are shown. */
const MAX_PAGE_CHARACTERS = 20_000;

/** IPython's documentation of a name as plain text, without terminal colours. */
export function pageOf(bundle: MimeBundle): string {
  const text = bundle['text/plain'];
  return typeof text === 'string'
    ? withoutAnsi(text.slice(0, 2 * MAX_PAGE_CHARACTERS))
        .slice(0, MAX_PAGE_CHARACTERS)
        .trimEnd()
    : '';
}
