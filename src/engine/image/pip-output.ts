import { redactUrls } from '../redact';

/** What a line of pip's output says about its progress, for people; undefined for all that does not. */
export function pipProgress(line: string): string | undefined {
  const [, action, what = '', size = ''] = /^(Collecting|Downloading|Using cached) ([^\s;<>=!~([]+)(?:.* (\([\d.]+ [kMG]?B\))$)?/.exec(line.trim()) ?? [];
  if (action) return `${action} ${wheelName(what)} ${size}`.trim();
  return /^(Installing collected packages|Successfully installed)/.exec(line.trim())?.[0];
}

/** `pandas-2.3.1` of a wheel's name or address. */
const wheelName = (text: string): string => (redactUrls(text).split('/').pop() ?? text).replace(/^([^-]+-[^-]+)-.*\.whl.*$/, '$1');

/**
 * pip's own reason for a failure: its last errors, and the trouble with the network that it only warns of.
 * Without credentials, at most 1,000 characters.
 */
export function pipReason(output: string): string {
  const lines = output.split(/\r?\n|\r/).map((line) => line.trim()).filter(Boolean);
  const errors = unique(lines.filter((line) => line.startsWith('ERROR:')).map((line) => line.replace(/^ERROR:\s*/, '')));
  const network = unique(lines.flatMap((line) => /^(?:WARNING: )?(?:Retrying \(.*?\)\) after )?((?:Could not fetch URL|connection broken by) .*)$/.exec(line)?.[1] ?? [])).slice(-1);
  const said = errors.length > 0 ? [...network, ...errors.slice(-3)] : lines.slice(-2);
  return redactUrls(said.join(' ')).slice(-1000) || 'pip said nothing';
}

const unique = (lines: string[]): string[] => [...new Set(lines)];
