import type { TextMark } from '../../src/outputs/stream-text';
import type { CellEdit, CellOutput, RunEdit } from '../../src/outputs/types';
import type { EventContents, EventType, ExecuteReply, SandboxEvent } from '../../src/protocol/messages';

/** A reply of a cell that succeeded, with changes. */
export const reply = (over: Partial<ExecuteReply> = {}): ExecuteReply => ({
  status: 'ok',
  execution_count: 1,
  ename: '',
  evalue: '',
  traceback: [],
  payload: [],
  user_expressions: {},
  ...over,
});

/**
 * The content of VS Code's document after edits. Text is folded as VS Code itself does it (`notebookCommon.ts`,
 * `compressOutputItemStreams`).
 */
export interface ModelCell {
  outputs: { id: number; output: CellOutput; mark?: TextMark }[];
  order?: number;
  success?: boolean;
  started: boolean;
}

export function applyEdit(cell: ModelCell, edit: CellEdit): void {
  const find = (id: number) => {
    const found = cell.outputs.find((entry) => entry.id === id);
    if (found === undefined) {
      throw new Error(`no output ${id}`);
    }
    return found;
  };
  switch (edit.kind) {
    case 'start':
      cell.started = true;
      cell.outputs = [];
      break;
    case 'setExecutionOrder':
      cell.order = edit.order;
      break;
    case 'append':
      cell.outputs.push(appended(edit));
      break;
    case 'text': {
      const entry = find(edit.id);
      if (entry.output.output_type !== 'stream' || entry.mark === undefined) {
        throw new Error('text for what is no stream');
      }
      const change = edit.stream.changeSince(entry.mark);
      entry.output = {
        ...entry.output,
        text: change.kind === 'replace' ? change.text : vscodeFolds(entry.output.text + change.text),
      };
      entry.mark = edit.stream.mark();
      break;
    }
    case 'replace':
      find(edit.id).output = edit.output;
      break;
    case 'replaceAll':
      cell.outputs = [appended(edit)];
      break;
    case 'clear':
      cell.outputs = [];
      break;
    case 'end':
      cell.success = edit.success;
      break;
  }
}

function appended({
  id,
  output,
  stream,
}: Extract<CellEdit, { kind: 'append' | 'replaceAll' }>): ModelCell['outputs'][number] {
  return stream === undefined || output.output_type !== 'stream'
    ? { id, output }
    : { id, output: { ...output, text: stream.text() }, mark: stream.mark() };
}

/**
 * Edits of streams only say that the text has changed. If the intermediate text matters, the caller must apply each
 * edit as it comes.
 */
export const applyAll = (edits: readonly RunEdit[]): Map<string, ModelCell> => applyTo(new Map(), edits);

export function applyTo(cells: Map<string, ModelCell>, edits: readonly RunEdit[]): Map<string, ModelCell> {
  for (const { run, edit } of edits) {
    const cell = cells.get(run) ?? { outputs: [], started: false };
    cells.set(run, cell);
    applyEdit(cell, edit);
  }
  return cells;
}

function vscodeFolds(appended: string): string {
  let text = appended;
  for (let before = ''; before.length !== text.length;) {
    before = text;
    text = text.replace(/[^\n]\x08/gm, ''); // eslint-disable-line no-control-regex
  }
  text = text.replace(/\r+\n/gm, '\n');
  while (text.search(/\r[^$]/g) > -1) {
    const base = /^(.*)\r+/m.exec(text)?.[1] ?? '';
    const insert = /\r+(.*)$/m.exec(text)?.[1] ?? '';
    text = text.replace(/\r+.*$/m, '\r').replace(/^.*\r/m, insert + base.slice(insert.length));
  }
  return text;
}

export function event<T extends EventType>(run: string, msg_type: T, content: EventContents[T], t = 1): SandboxEvent {
  // A union discriminated by msg_type cannot be built from a type parameter.
  return {
    seq: 1,
    kernel: 'main',
    gen: 1,
    t,
    channel: 'iopub',
    msg_type,
    parent_header: { msg_id: run },
    content,
    metadata: {},
    buffers: [],
  } as unknown as SandboxEvent;
}

/** A small seeded random number generator (mulberry32), so that a failure can be repeated. */
export function random(seed: number): (below: number) => number {
  let a = seed;
  return (below) => {
    a = (a + 0x6d2b79f5) | 0;
    let x = Math.imul(a ^ (a >>> 15), 1 | a);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) % below;
  };
}

/** Cuts the text at random places. */
export function cut(text: string, next: (below: number) => number): string[] {
  const chunks: string[] = [];
  for (let rest = text; rest !== '';) {
    const length = 1 + next(Math.min(rest.length, 12));
    chunks.push(rest.slice(0, length));
    rest = rest.slice(length);
  }
  return chunks;
}
