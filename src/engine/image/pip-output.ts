import { redact } from '../redact';

/** Maximum number of package names that are counted, and of bytes that pip may claim to download. Larger claims are not believed. */
const MAX_NAMES = 2_000;
const MAX_DOWNLOAD_BYTES = 2 ** 40;
const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1e3, M: 1e6, G: 1e9 };

/** Derives pip's progress from its output. Any program may have written the lines, so only those in pip's format are shown. */
export class PipProgress {
  readonly #collected = new Set<string>();
  readonly #downloaded = new Set<string>();
  #bytes = 0;
  #hasRead = false;
  #last = '';

  /** The progress after a line, for display: names, counts, megabytes. Undefined if the line has nothing new. */
  take(line: string): string | undefined {
    const said = this.#said(line.trim());
    if (said === undefined || said === this.#last) {
      return undefined;
    }
    this.#last = said;
    return said;
  }

  #said(line: string): string | undefined {
    const [, action, what = '', number = '', unit = ''] =
      /^(Collecting|Downloading|Using cached) ([^\s;<>=!~([]+)(?:.* \((\d{1,6}(?:\.\d{1,3})?) ([kMG]?)B\))?/.exec(
        line,
      ) ?? [];
    if (action === 'Collecting') {
      if (this.#collected.size < MAX_NAMES) {
        this.#collected.add(what.toLowerCase());
      }
      return `Collecting ${wheelName(what)}`;
    }
    if (action !== undefined) {
      const name = wheelName(what);
      const isRead = what.endsWith('.metadata');
      if (isRead) {
        this.#hasRead = true;
      }
      if (!isRead && this.#downloaded.size < MAX_NAMES && !this.#downloaded.has(name)) {
        this.#downloaded.add(name);
        this.#bytes = Math.min(MAX_DOWNLOAD_BYTES, this.#bytes + Number(number) * (UNITS[unit] ?? 0));
      }
      const size = number === '' ? '' : ` (${number} ${unit}B)`;
      return `${action} ${name}${size}${isRead ? '' : this.#counts()}`;
    }
    const [, names] = /^Installing collected packages: (.*)/.exec(line) ?? [];
    if (names !== undefined) {
      return `Installing collected packages (${Math.min(MAX_NAMES, names.split(',').length)}${this.#megabytes()})`;
    }
    return /^Successfully installed/.exec(line)?.[0];
  }

  /**
   * If pip reads metadata first, it has collected all packages before the first download, so the total is known. Otherwise it downloads
   * each package as it collects it.
   */
  #counts(): string {
    const [done, all] = [this.#downloaded.size, Math.max(this.#downloaded.size, this.#collected.size)];
    return `, ${this.#hasRead ? `${done} of ${all}` : `${done} so far`}${this.#megabytes()}`;
  }

  #megabytes(): string {
    return this.#bytes < 5e4 ? '' : `, ${(this.#bytes / 1e6).toFixed(1)} MB`;
  }
}

/** `pandas-2.3.1` from the name or address of a wheel. */
const wheelName = (text: string): string =>
  (redact(text).split('/').pop() ?? text).replace(/^([^-]+-[^-]+)-.*\.whl.*$/, '$1');

/**
 * Pip's own reason for a failure: its last errors, and network problems that it only warns about. It contains no credentials and has at
 * most 1,000 characters.
 */
export function pipReason(output: string): string {
  const lines = output
    .split(/\r?\n|\r/)
    .map((line) => line.trim())
    .filter(Boolean);
  const errors = unique(
    lines.filter((line) => line.startsWith('ERROR:')).map((line) => line.replace(/^ERROR:\s*/, '')),
  );
  const network = unique(
    lines.flatMap(
      (line) =>
        /^(?:WARNING: )?(?:Retrying \(.*?\)\) after )?((?:Could not fetch URL|connection broken by) .*)$/.exec(
          line,
        )?.[1] ?? [],
    ),
  ).slice(-1);
  const said = errors.length > 0 ? [...network, ...errors.slice(-3)] : lines.slice(-2);
  return redact(said.join(' ')).slice(-1000) || 'pip said nothing';
}

/** The kind of network problem in pip's reason; undefined = none. It decides which setting a message names. */
export function networkTrouble(reason: string): 'certificate' | 'proxy' | 'network' | undefined {
  if (/certificate.verify.failed|SSLCertVerificationError|SSL verification|\bssl certificate\b/i.test(reason)) {
    return 'certificate';
  }
  if (/ProxyError|connect to proxy|tunnel connection failed|proxy authentication/i.test(reason)) {
    return 'proxy';
  }
  return /connection broken by|could not fetch url|new connection|name resolution|timed out/i.test(reason)
    ? 'network'
    : undefined;
}

const unique = (lines: string[]): string[] => [...new Set(lines)];
