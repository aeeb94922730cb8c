import type { EventContents, JsonValue } from '../../protocol/messages';
import type { Completion } from '../types';

/** Bounds on what is shown, because a sandbox may send anything; no reader needs more. */
const MAX_MATCHES = 500;
const MAX_MATCH_CHARACTERS = 1_000;

/** The completions of a reply. IPython puts the types of the matches into the metadata, under the key that Jupyter front ends read. */
export function completionOf({
  matches,
  cursor_start: start,
  cursor_end: end,
  metadata,
}: EventContents['complete_reply']): Completion {
  const types = new Map<string, string>();
  const typedMatches = metadata['_jupyter_types_experimental'];
  for (const one of Array.isArray(typedMatches) ? typedMatches : []) {
    const { text, type } = textsOf(one);
    if (text !== undefined && type !== undefined) {
      types.set(text, type);
    }
  }
  const texts = [...new Set(matches.filter((text) => text !== '' && text.length <= MAX_MATCH_CHARACTERS))].slice(
    0,
    MAX_MATCHES,
  );
  return { matches: texts.map((text) => ({ text, type: types.get(text) ?? '' })), start, end: Math.max(start, end) };
}

function textsOf(value: JsonValue): { text?: string; type?: string } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return {};
  }
  const { text, type } = value;
  return { ...(typeof text === 'string' && { text }), ...(typeof type === 'string' && { type }) };
}
