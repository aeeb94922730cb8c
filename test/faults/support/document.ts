import { EventBatcher } from '../../../src/outputs/batcher';
import { NotebookOutputs } from '../../../src/outputs/notebook-outputs';
import type { RunEdit } from '../../../src/outputs/types';
import type { ExecuteReply, Failure, SandboxEvent } from '../../../src/protocol/messages';
import { applyEdit, type ModelCell } from '../../unit/outputsModel';
import type { Shown } from './program';

const STREAMS: ReadonlySet<string> = new Set(['stdout', 'stderr']);
const CONDITIONS: ReadonlySet<string> = new Set([
  'OutOfReach',
  'DiskFull',
  'PidsExhausted',
  'ChildKilled',
  'Restarted',
]);

/**
 * The content of a notebook's document, folded from events by the extension's own reducer. Cells are identified by the
 * msg_id of their run.
 */
export class NotebookDocument {
  readonly #cells = new Map<string, ModelCell>();
  #outputs = new NotebookOutputs();
  /** Runs whose cell starts again with the first event of a replay. */
  #replayed = new Set<string>();
  readonly #batcher = new EventBatcher((event) => {
    this.#apply(this.#outputs.fold(event));
  });

  begin(msgId: string): void {
    this.#outputs.begin(msgId, msgId);
    this.#cells.set(msgId, { outputs: [], started: false });
  }

  receive(event: SandboxEvent): void {
    if (this.#replayed.delete(event.parent_header.msg_id)) {
      this.#cells.set(event.parent_header.msg_id, { outputs: [], started: false });
    }
    this.#batcher.add(event);
  }

  end(msgId: string, reply: ExecuteReply): void {
    this.#batcher.flush();
    this.#apply(this.#outputs.end(msgId, reply));
  }

  /** Another window takes over. The replay of that window replaces what these runs show. */
  reload(msgIds: readonly string[]): void {
    this.#batcher.flush();
    this.#outputs = new NotebookOutputs();
    for (const msgId of msgIds) {
      this.#outputs.begin(msgId, msgId);
    }
    this.#replayed = new Set(msgIds);
  }

  /** Returns the output of a cell, without our own notices and failures. */
  shown(msgId: string): Shown[] {
    this.#batcher.flush();
    const shown = this.#outputsOf(msgId).flatMap(({ output }): Shown[] => {
      switch (output.output_type) {
        case 'stream':
          return [{ type: output.name, text: output.text }];
        case 'display_data':
        case 'execute_result': {
          const { 'text/plain': text } = output.data;
          return [{ type: 'display', text: typeof text === 'string' ? text : JSON.stringify(text) }];
        }
        case 'error':
          return [{ type: 'error', text: `${output.ename}: ${output.evalue}` }];
        case 'failure':
        case 'notice':
          return [];
      }
    });
    // A notice in a stream has split the stream in two.
    return shown.reduce<Shown[]>((joined, one) => {
      const last = joined.at(-1);
      if (last === undefined || last.type !== one.type || !STREAMS.has(one.type)) {
        return [...joined, one];
      }
      return [...joined.slice(0, -1), { type: one.type, text: last.text + one.text }];
    }, []);
  }

  /**
   * Returns the notices that output is missing. Notices about a condition under which the cell continued are left out.
   */
  notices(msgId: string): Failure[] {
    return this.#outputsOf(msgId).flatMap(({ output }) =>
      output.output_type === 'notice' && !CONDITIONS.has(output.failure.code) ? [output.failure] : [],
    );
  }

  #outputsOf(msgId: string): ModelCell['outputs'] {
    return this.#cells.get(msgId)?.outputs ?? [];
  }

  #apply(edits: readonly RunEdit[]): void {
    for (const { run, edit } of edits) {
      const cell = this.#cells.get(run);
      if (!cell) {
        throw new Error(`an edit of no cell: ${run}`);
      }
      applyEdit(cell, edit);
    }
  }
}
