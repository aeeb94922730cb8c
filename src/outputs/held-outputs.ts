import type { JsonObject, JsonValue, SandboxEvent } from '../protocol/messages';
import { foldEvent, newCellOutputs, type CellOutputs } from './cell-outputs';
import { StreamText } from './stream-text';
import type { CellOutput, StreamName } from './types';

/** Characters that one widget holds; beyond, its oldest outputs go. */
const MOST = 10_000_000;

interface Held {
  content: CellOutput | { name: StreamName; text: StreamText };
  size: number;
}

/** What an `Output` widget holds: what it has captured, or was given as a list by the kernel. Bounded. */
export class HeldOutputs {
  readonly #held = new Map<number, Held>();
  #state: CellOutputs = newCellOutputs;
  #size = 0;

  /** Characters. */
  get size(): number {
    return this.#size;
  }

  /** Takes an output of a run that the widget captures. */
  capture(event: SandboxEvent): void {
    const { state, edits } = foldEvent(this.#state, event);
    this.#state = state;
    for (const edit of edits) {
      if (edit.kind === 'clear' || edit.kind === 'replaceAll') {
        this.#clear();
      }
      if (edit.kind === 'append' || edit.kind === 'replaceAll') {
        this.#put(edit.id, contentOf(edit.output, edit.stream));
      } else if (edit.kind === 'text') {
        this.#put(edit.id, { name: edit.name, text: edit.stream });
      }
    }
  }

  /** The kernel has set the list itself. */
  replace(outputs: readonly JsonValue[]): void {
    this.#clear();
    const known = outputs.flatMap(savedOutput);
    this.#state = { ...newCellOutputs, nextId: known.length };
    known.forEach((output, index) => {
      this.#put(index, contentOf(output));
    });
  }

  /** What can be shown as text, one each: the last ones, with as many characters as asked for, or a little more. */
  lastTexts(characters: number): string[] {
    const texts: string[] = [];
    let room = characters;
    for (const { content } of [...this.#held.values()].reverse()) {
      if (room <= 0) {
        break;
      }
      const text = asText(content, room);
      room -= text.length + 1;
      texts.push(text);
    }
    return texts.reverse();
  }

  /** As nbformat has it, and as the widget's `outputs` are in Python. */
  toJson(): JsonObject[] {
    return [...this.#held.values()].flatMap(({ content }) => asJson(content));
  }

  #put(id: number, content: Held['content']): void {
    shorten(content);
    const size = sizeOf(content);
    this.#size += size - (this.#held.get(id)?.size ?? 0);
    this.#held.set(id, { content, size });
    for (const [oldest, { size: its }] of this.#held) {
      if (this.#size <= MOST) {
        return;
      }
      this.#held.delete(oldest);
      this.#size -= its;
    }
  }

  #clear(): void {
    this.#held.clear();
    this.#size = 0;
  }
}

const contentOf = (output: CellOutput, stream?: StreamText): Held['content'] =>
  output.output_type === 'stream' ? { name: output.name, text: stream ?? new StreamText(output.text) } : output;

/** A stream that goes on for ever keeps its end. */
function shorten(content: Held['content']): void {
  if (!('output_type' in content) && content.text.length > MOST) {
    content.text.shorten(MOST / 2);
  }
}

function sizeOf(content: Held['content']): number {
  if (!('output_type' in content)) {
    return content.text.length;
  }
  switch (content.output_type) {
    case 'error':
      return (
        content.ename.length + content.evalue.length + content.traceback.reduce((sum, line) => sum + line.length, 0)
      );
    case 'display_data':
    case 'execute_result':
      return JSON.stringify([content.data, content.metadata]).length;
    case 'stream':
    case 'failure':
    case 'notice':
      return 0;
  }
}

function asText(content: Held['content'], characters: number): string {
  if (!('output_type' in content)) {
    return content.text.tail(characters);
  }
  switch (content.output_type) {
    case 'error':
      return content.traceback.length > 0 ? content.traceback.join('\n') : `${content.ename}: ${content.evalue}`;
    case 'display_data':
    case 'execute_result':
      return text(content.data['text/plain']);
    case 'stream':
    case 'failure':
    case 'notice':
      return '';
  }
}

function asJson(content: Held['content']): JsonObject[] {
  if (!('output_type' in content)) {
    return [{ output_type: 'stream', name: content.name, text: content.text.text() }];
  }
  switch (content.output_type) {
    case 'error':
      return [{ output_type: 'error', ename: content.ename, evalue: content.evalue, traceback: content.traceback }];
    case 'display_data':
      return [{ output_type: 'display_data', data: content.data, metadata: content.metadata }];
    case 'execute_result':
      return [
        {
          output_type: 'execute_result',
          data: content.data,
          metadata: content.metadata,
          execution_count: content.execution_count,
        },
      ];
    case 'stream':
    case 'failure':
    case 'notice':
      return [];
  }
}

/** An entry of an `Output` widget's own list; what is none is left out. */
function savedOutput(value: JsonValue): CellOutput[] {
  if (!isObject(value)) {
    return [];
  }
  if (value['output_type'] === 'stream') {
    return [
      { output_type: 'stream', name: value['name'] === 'stderr' ? 'stderr' : 'stdout', text: text(value['text']) },
    ];
  }
  if (value['output_type'] === 'error') {
    const lines = value['traceback'];
    return [
      {
        output_type: 'error',
        ename: text(value['ename']),
        evalue: text(value['evalue']),
        traceback: Array.isArray(lines) ? lines.map(text) : [],
      },
    ];
  }
  const { data, metadata } = value;
  return isObject(data)
    ? [{ output_type: 'display_data', data, metadata: isObject(metadata) ? metadata : {}, transient: {} }]
    : [];
}

export const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const text = (value: JsonValue | undefined): string => (typeof value === 'string' ? value : '');
