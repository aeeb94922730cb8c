import type { CellMetadata, EventOf, ExecuteReply, JsonObject, SandboxEvent } from '../protocol/messages';
import { EventBatcher } from './batcher';
import { CellDocument } from './document';
import type { NotebookOutputs } from './notebook-outputs';

/** A cell of a notebook. `id` is its nbformat id, '' if it has none. `key` identifies it while the notebook is open. */
export interface PlacedCell {
  id: string;
  index: number;
  sourceHash: string;
  key: string;
}
/** A run that has not ended, with the metadata of its cell and the requests that it waits for. */
export interface OpenRun {
  msgId: string;
  metadata: JsonObject;
  requests: readonly string[];
}

/** The last run of one cell, as the log has it. */
export interface PastRun<Cell> {
  readonly msgId: string;
  readonly cell: Cell;
  readonly document: CellDocument;
  /** Whether the run has events after those that the document surely shows. */
  isNew: boolean;
  /** The reply of the run, and its time on the supervisor's clock in seconds. */
  end: { reply: ExecuteReply; t: number } | undefined;
  /** The open prompts of the run, by their request ids. */
  readonly prompts: Map<string, EventOf<'input_request'>>;
  /** The event with the execution count, without the code. */
  input: EventOf<'execute_input'> | undefined;
}

/** Maximum number of runs without a cell, and of runs that a later run of the same cell has replaced, that are remembered. */
const MAX_REMEMBERED_RUNS = 10_000;

/**
 * Folds the log of an earlier window, event by event, into what each cell of the notebook should show. Cells are replaced and never appended
 * to, because document and log are never saved together. Only what the cells show is kept of the log.
 */
export class PastLog<Cell extends PlacedCell> {
  readonly #runs = new Map<string, PastRun<Cell>>();
  /** The last run of each cell. */
  readonly #last = new Map<Cell, string>();
  readonly #replaced = new Set<string>();
  /** Runs whose cells no longer exist; true if the run has new output. */
  readonly #runsWithoutCell = new Map<string, boolean>();
  readonly #byId = new Map<string, Cell[]>();
  /** Cells without an id, by the hash of their source. */
  readonly #bySource = new Map<string, Cell[]>();
  #open: readonly OpenRun[] = [];
  #openRuns: ReadonlyMap<string, OpenRun> = new Map();
  readonly #batcher: EventBatcher;

  /**
   * @param outputs the outputs of the notebook, which later events continue to change
   * @param after the last event of which the document surely shows everything
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

  /** @param open the runs that are open now, whose beginning may no longer be in the log */
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
      if (event.msg_type === 'stream' && event.seq > this.after && this.#runsWithoutCell.has(msgId)) {
        this.#runsWithoutCell.set(msgId, true);
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

  /** Ends the log. `withoutCell` is the number of runs with new output whose cell no longer exists. */
  finish(open: readonly OpenRun[]): { runs: PastRun<Cell>[]; withoutCell: number } {
    this.#batcher.flush();
    this.#setOpen(open);
    for (const { msgId } of open) {
      this.#beginOpen(msgId);
    }
    for (const { run, edit } of this.outputs.redraw()) {
      this.#runs.get(run)?.document.apply(edit);
    }
    const withoutCell = [...this.#runsWithoutCell].filter(
      ([msgId, isNew]) => isNew || this.#openRuns.has(msgId),
    ).length;
    return { runs: [...this.#runs.values()], withoutCell };
  }

  /** Discards the log, because the sandbox could not be reached again. */
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
    if (this.#runs.has(msgId) || this.#replaced.has(msgId) || this.#runsWithoutCell.has(msgId)) {
      return;
    }
    const cell = this.#cellOf(cellMetadata(metadata));
    if (cell === undefined) {
      if (this.#runsWithoutCell.size < MAX_REMEMBERED_RUNS) {
        this.#runsWithoutCell.set(msgId, false);
      }
      return;
    }
    const replaced = this.#last.get(cell);
    if (replaced !== undefined) {
      this.#runs.delete(replaced);
      this.#replaced.add(replaced);
      const [oldest = ''] = this.#replaced;
      if (this.#replaced.size > MAX_REMEMBERED_RUNS) {
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

  /** The cell with this nbformat id. Without an id, the nearest cell to the old index that has no id either and the same source. */
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

/** Checks the metadata of a cell that come from a sandbox. */
function cellMetadata({ cellId, index, sourceHash, runId }: JsonObject): CellMetadata {
  return {
    ...(typeof cellId === 'string' && { cellId }),
    ...(typeof index === 'number' && { index }),
    ...(typeof sourceHash === 'string' && { sourceHash }),
    ...(typeof runId === 'string' && { runId }),
  };
}
