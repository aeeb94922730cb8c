import type { FailureParams } from '../protocol/errors';

/** The type of `vscode.l10n.t`: `{0}` is the first argument. */
export type Translate = (message: string, ...args: (string | number)[]) => string;
export type Sentences = readonly [message: string, nextStep: string];

export const settingName = (setting: string): string =>
  setting.startsWith('sandboxedIPython.') ? setting : `sandboxedIPython.${setting}`;

/** A size such as `1 GB` or `512 MB`, in binary units like the settings. */
export function bytes(count: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB', 'TB'];
  let value = count;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit += 1) {
    value /= 1024;
  }
  return `${Number(value.toFixed(value < 10 ? 1 : 0))} ${units[unit]}`;
}

/** Reads the unchecked parameters of a failure, which come from our own code or from a hostile sandbox. */
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

/** Makes one line of at most 400 characters. It keeps the end, as pip gives its reason in its last line. */
export function clean(text: string): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, ' ').trim();
  return line.length > 400 ? `…${line.slice(-400)}` : line;
}

/** A space and a sentence with the reason, to be appended to a sentence; '' without a reason. */
export const because = (t: Translate, reason: string): string =>
  reason === '' ? '' : ' ' + t('Reason: {0}', /[.!?]$/.test(reason) ? reason : `${reason}.`);
/** Sentences with a space between them; empty ones are left out. */
export const join = (...sentences: string[]): string => sentences.filter((sentence) => sentence !== '').join(' ');
