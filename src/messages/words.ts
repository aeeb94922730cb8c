import type { FailureParams } from '../protocol/errors';

/** `vscode.l10n.t`: `{0}` is the first argument. */
export type Translate = (message: string, ...args: (string | number)[]) => string;
export type Sentences = readonly [message: string, nextStep: string];

export const settingName = (setting: string): string =>
  setting.startsWith('sandboxedIPython.') ? setting : `sandboxedIPython.${setting}`;

/** As `1 GB`, `512 MB`: binary units, as in the settings. */
export function bytes(count: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB'];
  let value = count;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit += 1) {
    value /= 1024;
  }
  return `${Number(value.toFixed(value < 10 ? 1 : 0))} ${units[unit]}`;
}

/** Parameters as they come, from our own code or from a hostile sandbox. */
export class Params {
  constructor(private readonly params: FailureParams) {}

  text(name: string): string {
    const value = this.params[name];
    return value === undefined ? '' : clean(String(value));
  }

  number(name: string): number {
    const value = this.params[name];
    return typeof value === 'number' && Number.isFinite(value) ? value : 0;
  }

  has(name: string): boolean {
    return this.params[name] !== undefined;
  }

  is(name: string): boolean {
    return this.params[name] === true;
  }
}

/** One line, of a length that can be read. pip's reason is its last line, so the end is kept. */
export function clean(text: string): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  return line.length > 400 ? `…${line.slice(-400)}` : line;
}

export const because = (t: Translate, reason: string): string =>
  reason === '' ? '' : ' ' + t('Reason: {0}', /[.!?]$/.test(reason) ? reason : `${reason}.`);
export const at = (t: Translate, params: Params): string =>
  params.text('endpoint') === '' ? '' : t(' at {0}', params.text('endpoint'));
export const join = (first: string, second: string): string => (second === '' ? first : `${first} ${second}`);
