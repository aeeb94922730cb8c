import type { CellMetadata, EventOf, ExecuteReply, JsonObject, SandboxEvent } from '../protocol/messages';
import { EventBatcher } from './batcher';
import { CellDocument } from './document';
import type { NotebookOutputs } from './notebook-outputs';

/** A cell as a notebook has it; `id` is nbformat's, '' where it has none. `key` names it as long as the notebook is open. */
export interface PlacedCell {
  id: string;
  index: number;
  sourceHash: string;
  key: string;
}
/** A run that is still open, with what it says of its cell, and the requests that it waits for. */
export interface OpenRun {
  msgId: string;
  metadata: JsonObject;
  requests: readonly string[];
}

/** What a log says of one cell of the notebook: of the last run of it. */
export interface PastRun<Cell> {
  readonly msgId: string;
  readonly cell: Cell;
  readonly document: CellDocument;
  /** Something of it came after what the document surely shows. */
  isNew: boolean;
  /** How it ended, and when by the supervisor's clock (seconds). */
  end: { reply: ExecuteReply; t: number } | undefined;
  /** Its prompts that are open, by their requests. */
  readonly prompts: Map<string, EventOf<'input_request'>>;
  /** What told its count, without its code. */
  input: EventOf<'execute_input'> | undefined;
}

/** Runs without a cell, and those that a later run of their cell has replaced: so many of each are remembered. */
const MAX_REMEMBERED = 10_000;

/**
 * Folds the log of an earlier window, as it comes, into what each cell of the notebook should show: cells are replaced and never
 * appended to, as document and log are never saved together. Keeps of the log no more than the cells show.
 */
export class PastLog<Cell extends PlacedCell> {
  readonly #runs = new Map<string, PastRun<Cell>>();
  /** By cell: the last run of it. */
  readonly #last = new Map<Cell, string>();
  readonly #replaced = new Set<string>();
  /** Runs whose cells are gone; true: with something new. */
  readonly #homeless = new Map<string, boolean>();
  readonly #byId = new Map<string, Cell[]>();
  /** Those without an id, by their source. */
  readonly #bySource = new Map<string, Cell[]>();
  #open: readonly OpenRun[] = [];
  #openRuns: ReadonlyMap<string, OpenRun> = new Map();
  readonly #batcher: EventBatcher;

  /**
   * @param outputs which go on with what comes later
   * @param after the event up to which the document surely shows everything
   */
  constructor(
    cells: readonly Cell[],
    private readonly outputs: NotebookOutputs,
    private readonly after: number,
  ) {
    for (const cell of cells) {
      const [map, key] = cell.id === '' ? [this.#bySource, cell.sourceHash] : [this.#byId, cell.id];
      map.set(key, [...(map.get(key) ?? []), cell]);
    }
    this.#batcher = new EventBatcher((event) => {
      this.#fold(event);
    });
  }

  /** @param open the runs that are open now, which the log may not announce any more */
  add(event: SandboxEvent, open: readonly OpenRun[]): void {
    const msgId = event.parent_header.msg_id;
    this.#setOpen(open);
    if (isBeginning(event) && msgId !== '') {
      this.#begin(msgId, event.metadata);
    } else {
      this.#beginOpen(msgId);
    }
    this.#batcher.add(event);
    const run = this.#runs.get(msgId);
    if (run === undefined) {
      if (event.msg_type === 'stream' && event.seq > this.after && this.#homeless.has(msgId)) {
        this.#homeless.set(msgId, true);
      }
    } else if (event.msg_type === 'execute_reply') {
      run.end = { reply: event.content, t: event.t };
    } else if (event.msg_type === 'input_request') {
      if (this.#openRuns.get(msgId)?.requests.includes(event.content.request)) {
        run.prompts.set(event.content.request, event);
      }
    } else if (event.msg_type === 'execute_input') {
      run.input = { ...event, content: { ...event.content, code: '' } };
    }
  }

  /** The log is over. `homeless`: how many runs with something new have no cell any more. */
  finish(open: readonly OpenRun[]): { runs: PastRun<Cell>[]; homeless: number } {
    this.#batcher.flush();
    this.#setOpen(open);
    for (const { msgId } of open) {
      this.#beginOpen(msgId);
    }
    for (const { run, edit } of this.outputs.redraw()) {
      this.#runs.get(run)?.document.apply(edit);
    }
    const homeless = [...this.#homeless].filter(([msgId, isNew]) => isNew || this.#openRuns.has(msgId)).length;
    return { runs: [...this.#runs.values()], homeless };
  }

  /** The sandbox was not to be had: nothing of its log is shown. */
  abandon(): void {
    this.#batcher.flush();
    for (const msgId of this.#runs.keys()) {
      this.outputs.release(msgId);
    }
    this.#runs.clear();
  }

  #fold(event: SandboxEvent): void {
    for (const { run: msgId, edit } of this.outputs.fold(event)) {
      const run = this.#runs.get(msgId);
      if (run === undefined) {
        continue;
      }
      run.document.apply(edit);
      if (event.seq > this.after) {
        run.isNew = true;
      }
    }
  }

  #setOpen(open: readonly OpenRun[]): void {
    if (open === this.#open) {
      return;
    }
    this.#open = open;
    this.#openRuns = new Map(open.map((run) => [run.msgId, run]));
  }

  #beginOpen(msgId: string): void {
    const run = this.#openRuns.get(msgId);
    if (run !== undefined) {
      this.#begin(msgId, run.metadata);
    }
  }

  #begin(msgId: string, metadata: JsonObject): void {
    if (this.#runs.has(msgId) || this.#replaced.has(msgId) || this.#homeless.has(msgId)) {
      return;
    }
    const cell = this.#cellOf(cellMetadata(metadata));
    if (cell === undefined) {
      if (this.#homeless.size < MAX_REMEMBERED) {
        this.#homeless.set(msgId, false);
      }
      return;
    }
    const replaced = this.#last.get(cell);
    if (replaced !== undefined) {
      this.#runs.delete(replaced);
      this.#replaced.add(replaced);
      const [oldest = ''] = this.#replaced;
      if (this.#replaced.size > MAX_REMEMBERED) {
        this.#replaced.delete(oldest);
      }
    }
    this.outputs.begin(msgId, cell.key);
    this.#last.set(cell, msgId);
    this.#runs.set(msgId, {
      msgId,
      cell,
      document: new CellDocument(),
      isNew: false,
      end: undefined,
      prompts: new Map(),
      input: undefined,
    });
  }

  /** The cell with its nbformat id, else, of the cells without one, the one with its source that is nearest to where it was. */
  #cellOf({ cellId = '', index = 0, sourceHash = '' }: CellMetadata): Cell | undefined {
    const candidates =
      (cellId !== '' ? this.#byId.get(cellId) : sourceHash === '' ? [] : this.#bySource.get(sourceHash)) ?? [];
    return candidates.reduce<Cell | undefined>(
      (nearest, cell) =>
        nearest !== undefined && Math.abs(nearest.index - index) <= Math.abs(cell.index - index) ? nearest : cell,
      undefined,
    );
  }
}

const isBeginning = (event: SandboxEvent): boolean =>
  (event.msg_type === 'accepted' && event.content.msg_type === 'execute_request') ||
  (event.msg_type === 'status' && event.content.execution_state === 'busy' && event.content.comm_id === undefined);

/** What a sandbox claims of a cell, checked. */
function cellMetadata({ cellId, index, sourceHash, runId }: JsonObject): CellMetadata {
  return {
    ...(typeof cellId === 'string' && { cellId }),
    ...(typeof index === 'number' && { index }),
    ...(typeof sourceHash === 'string' && { sourceHash }),
    ...(typeof runId === 'string' && { runId }),
  };
}
