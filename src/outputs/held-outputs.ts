import type { JsonObject, JsonValue, SandboxEvent } from '../protocol/messages';
import { foldEvent, newCellOutputs, type CellOutputs } from './cell-outputs';
import { StreamText } from './stream-text';
import type { CellOutput, StreamName } from './types';

/** Maximum length in UTF-16 units of what one widget holds; its oldest outputs are dropped beyond it. */
const MAX_HELD_LENGTH = 10_000_000;

interface Held {
  content: CellOutput | { name: StreamName; text: StreamText };
  size: number;
}

/** The outputs of an `Output` widget, which it has captured or which the kernel has set as a list. Their size is bounded. */
export class HeldOutputs {
  readonly #held = new Map<number, Held>();
  #state: CellOutputs = newCellOutputs;
  #size = 0;

  /** Approximate size in UTF-16 units. */
  get size(): number {
    return this.#size;
  }

  /** Adds an output of a run that the widget captures. */
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

  /** Replaces the outputs with a list that the kernel has set. */
  replace(outputs: readonly JsonValue[]): void {
    this.#clear();
    const known = outputs.flatMap(savedOutput);
    this.#state = { ...newCellOutputs, nextId: known.length };
    known.forEach((output, index) => {
      this.#put(index, contentOf(output));
    });
  }

  /** The texts of the last outputs, one text each, with about `characters` UTF-16 units in total or a little more. */
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

  /** The outputs as in nbformat, which is also the format of the widget's `outputs` in Python. */
  toJson(): JsonObject[] {
    return [...this.#held.values()].flatMap(({ content }) => asJson(content));
  }

  #put(id: number, content: Held['content']): void {
    shorten(content);
    const size = sizeOf(content);
    this.#size += size - (this.#held.get(id)?.size ?? 0);
    this.#held.set(id, { content, size });
    for (const [oldest, { size: oldestSize }] of this.#held) {
      if (this.#size <= MAX_HELD_LENGTH) {
        return;
      }
      this.#held.delete(oldest);
      this.#size -= oldestSize;
    }
  }

  #clear(): void {
    this.#held.clear();
    this.#size = 0;
  }
}

const contentOf = (output: CellOutput, stream?: StreamText): Held['content'] =>
  output.output_type === 'stream' ? { name: output.name, text: stream ?? new StreamText(output.text) } : output;

/** Keeps only the end of a stream that has become too long. */
function shorten(content: Held['content']): void {
  if (!('output_type' in content) && content.text.length > MAX_HELD_LENGTH) {
    content.text.shorten(MAX_HELD_LENGTH / 2);
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

/** An entry of the list that the kernel has set; an invalid entry is left out. */
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
