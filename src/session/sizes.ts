const UNITS: Record<string, number> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** The number of bytes of `512MB`, `1.5 GiB`, `2g`, `1048576` or a number. All units are binary, as in the container engines. */
export function parseBytes(value: unknown): number | undefined {
  if (typeof value === 'number') {
    return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  }
  if (typeof value !== 'string' || value.length > 32) {
    return undefined;
  }
  const match = /^\s*(\d+(?:\.\d+)?)\s*(?:([kmgt])?i?b?)\s*$/i.exec(value);
  if (!match) {
    return undefined;
  }
  const bytes = Math.floor(Number(match[1]) * (UNITS[(match[2] ?? '').toLowerCase()] ?? NaN));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** The shortest exact form of a size: `512MB`, `1GB`, else the number of bytes. */
export function formatBytes(bytes: number): string {
  for (const [unit, size] of [
    ['GB', 2 ** 30],
    ['MB', 2 ** 20],
    ['KB', 2 ** 10],
  ] as const) {
    if (bytes >= size && bytes % size === 0) {
      return `${bytes / size}${unit}`;
    }
  }
  return String(bytes);
}
