import { redact } from '../redact';

/** What a line of pip's output says about its progress, for people; undefined for all that does not. */
export function pipProgress(line: string): string | undefined {
  const [, action, what = '', size = ''] = /^(Collecting|Downloading|Using cached) ([^\s;<>=!~([]+)(?:.* (\([\d.]+ [kMG]?B\))$)?/.exec(line.trim()) ?? [];
  if (action) return `${action} ${wheelName(what)} ${size}`.trim();
  return /^(Installing collected packages|Successfully installed)/.exec(line.trim())?.[0];
}

/** `pandas-2.3.1` of a wheel's name or address. */
const wheelName = (text: string): string => (redact(text).split('/').pop() ?? text).replace(/^([^-]+-[^-]+)-.*\.whl.*$/, '$1');

/**
 * pip's own reason for a failure: its last errors, and the trouble with the network that it only warns of.
 * Without credentials, at most 1,000 characters.
 */
export function pipReason(output: string): string {
  const lines = output.split(/\r?\n|\r/).map((line) => line.trim()).filter(Boolean);
  const errors = unique(lines.filter((line) => line.startsWith('ERROR:')).map((line) => line.replace(/^ERROR:\s*/, '')));
  const network = unique(lines.flatMap((line) => /^(?:WARNING: )?(?:Retrying \(.*?\)\) after )?((?:Could not fetch URL|connection broken by) .*)$/.exec(line)?.[1] ?? [])).slice(-1);
  const said = errors.length > 0 ? [...network, ...errors.slice(-3)] : lines.slice(-2);
  return redact(said.join(' ')).slice(-1000) || 'pip said nothing';
}

/** What stood in pip's way to the package index, by its own reason; undefined = nothing there. Decides which setting is named. */
export function networkTrouble(reason: string): 'certificate' | 'proxy' | 'network' | undefined {
  if (/certificate.verify.failed|SSLCertVerificationError|SSL verification|\bssl certificate\b/i.test(reason)) return 'certificate';
  if (/ProxyError|connect to proxy|tunnel connection failed|proxy authentication/i.test(reason)) return 'proxy';
  return /connection broken by|could not fetch url|new connection|name resolution|timed out/i.test(reason) ? 'network' : undefined;
}

const unique = (lines: string[]): string[] => [...new Set(lines)];
