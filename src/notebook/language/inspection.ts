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

export interface Signature {
  /** The whole signature, such as `f(a, b=1)`. */
  label: string;
  /** Each parameter exactly as it appears in the label. */
  parameters: string[];
  documentation: string;
}

/** Reads the signature from IPython's documentation; undefined if it contains none. */
export function signatureOf(page: string): Signature | undefined {
  const [, label] = /^(?:Init s|S|Call s)ignature:\s*([^]*?)\n(?=[A-Z][\w ]*:|$)/m.exec(`${page}\n`) ?? [];
  if (label === undefined) {
    return undefined;
  }
  const oneLine = label.replace(/\s+/g, ' ').replace(/\( /g, '(').replace(/,? \)/g, ')').trim();
  const [, documentation = ''] =
    /^(?:Init docstring|Docstring):\s*([^]*?)(?=\n(?:File|Type|Subclasses|Class docstring|Init docstring|Call docstring):|$(?![^]))/m.exec(
      page,
    ) ?? [];
  return { label: oneLine, parameters: parametersOf(oneLine), documentation: documentation.trim() };
}

/** Splits the text between the outermost brackets at those commas that are in no inner bracket or string. */
function parametersOf(label: string): string[] {
  const inner = label.slice(label.indexOf('(') + 1, label.lastIndexOf(')'));
  const found: string[] = [];
  let depth = 0;
  let quote = '';
  let part = '';
  for (const character of inner) {
    if (quote !== '') {
      if (character === quote) {
        quote = '';
      }
    } else if (character === "'" || character === '"') {
      quote = character;
    } else if ('([{'.includes(character)) {
      depth += 1;
    } else if (')]}'.includes(character)) {
      depth -= 1;
    }
    if (character === ',' && depth === 0 && quote === '') {
      found.push(part.trim());
      part = '';
    } else {
      part += character;
    }
  }
  return [...found, part.trim()].filter((one) => one !== '');
}

/** Index of the parameter that an argument fills, ignoring `/` and `*`; undefined if there is none. */
export function parameterFor(
  { parameters }: Signature,
  argument: number,
  keyword: string | undefined,
): number | undefined {
  const nameOf = (parameter: string): string => /^\**\s*(\w+)/.exec(parameter)?.[1] ?? '';
  if (keyword !== undefined) {
    const named = parameters.findIndex((parameter) => nameOf(parameter) === keyword);
    return named >= 0 ? named : indexOrUndefined(parameters.findIndex((parameter) => parameter.startsWith('**')));
  }
  let position = -1;
  for (const [index, parameter] of parameters.entries()) {
    if (parameter === '/') {
      continue;
    }
    if (parameter === '*' || parameter.startsWith('**')) {
      // All further parameters are keyword-only.
      return undefined;
    }
    position += 1;
    if (position === argument || parameter.startsWith('*')) {
      return index;
    }
  }
  return undefined;
}

const indexOrUndefined = (index: number): number | undefined => (index < 0 ? undefined : index);
