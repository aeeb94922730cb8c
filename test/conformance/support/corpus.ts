import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import type { Expected } from './compare';
import type { CellScript } from './notebook-run';
import { questionsOf, type Question, type QuestionOptions } from './questions';

/** The source folder of the corpus, because `out/` only has compiled files. */
export const NOTEBOOKS = path.join(__dirname, '../../../../test/conformance/notebooks');

/** The options that a cell marker may have in JSON after its tags. */
type Options = CellScript & Expected & QuestionOptions;
export interface CorpusCell {
  index: number;
  source: string;
  tags: string[];
  options: Options;
  questions: Question[];
}
export interface CorpusNotebook {
  name: string;
  cells: CorpusCell[];
  settle: number;
  /** Undefined for the default of both kernels. */
  historySize?: number;
}

const MARKER = /^# %% ([\w/. -]+?)(?: (\{.*\}))?$/;
const SETTLE = 0.3;

/** Returns every notebook of the corpus; `README.md` there describes the format. */
export function readCorpus(): CorpusNotebook[] {
  return readdirSync(NOTEBOOKS)
    .filter((name) => name.endsWith('.ipy'))
    .sort()
    .map((name) => parseNotebook(path.basename(name, '.ipy'), readFileSync(path.join(NOTEBOOKS, name), 'utf8')));
}

function parseNotebook(name: string, text: string): CorpusNotebook {
  const [head = '', ...parts] = text.split(/^(?=# %%)/m);
  const cells = parts.map((part, index): CorpusCell => {
    const end = part.indexOf('\n');
    const marker = MARKER.exec(part.slice(0, end));
    if (marker === null) {
      throw new Error(`${name}, cell ${index}: ${part.slice(0, end)}`);
    }
    const options = JSON.parse(marker[2] ?? '{}') as Options;
    return {
      index,
      source: part.slice(end + 1).trimEnd(),
      tags: (marker[1] ?? '').split(' '),
      options,
      questions: questionsOf(options),
    };
  });
  const historySize = /^# historySize (\d+)$/m.exec(head)?.[1];
  return {
    name,
    cells,
    settle: Number(/^# settle ([\d.]+)$/m.exec(head)?.[1] ?? SETTLE),
    ...(historySize !== undefined && { historySize: Number(historySize) }),
  };
}
