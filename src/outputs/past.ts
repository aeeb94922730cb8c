import type { AnswerMetadata, CellMetadata, JsonObject, SandboxEvent } from '../protocol/messages';

/** A cell as a log tells of it. */
export interface PastRun { msgId: string; metadata: CellMetadata }
/** A cell as a notebook has it; `id` is nbformat's, '' where it has none. */
export interface PlacedCell { id: string; index: number; sourceHash: string }

/** Every execute_request of a log, in its order, with what it says of its cell. What a sandbox claims, checked. */
export function runsOf(events: readonly SandboxEvent[], open: readonly { msgId: string; metadata: JsonObject }[]): PastRun[] {
  const runs = new Map<string, CellMetadata>();
  for (const event of events) {
    const isRun = (event.msg_type === 'accepted' && event.content.msg_type === 'execute_request') || (event.msg_type === 'status' && event.content.execution_state === 'busy' && event.content.comm_id === undefined);
    if (isRun && event.parent_header.msg_id !== '') { runs.set(event.parent_header.msg_id, cellMetadata(event.metadata)); }
  }
  for (const { msgId, metadata } of open) { runs.set(msgId, cellMetadata(metadata)); }
  return [...runs].map(([msgId, metadata]) => ({ msgId, metadata }));
}

/**
 * Which cell each run is of: the one with its nbformat id, else, for a cell without one, the one with its source that is
 * nearest to where it was. Of several runs of a cell the last counts. Runs of cells that are gone are left out.
 */
export function matchRuns<Cell extends PlacedCell>(runs: readonly PastRun[], cells: readonly Cell[]): Map<string, Cell> {
  const last = new Map<Cell, string>();
  for (const { msgId, metadata: { cellId = '', index = 0, sourceHash = '' } } of runs) {
    const candidates = cellId !== '' ? cells.filter(({ id }) => id === cellId) : cells.filter((cell) => cell.id === '' && sourceHash !== '' && cell.sourceHash === sourceHash);
    const [nearest] = [...candidates].sort((a, b) => Math.abs(a.index - index) - Math.abs(b.index - index));
    if (nearest !== undefined) { last.set(nearest, msgId); }
  }
  return new Map([...last].map(([cell, msgId]) => [msgId, cell]));
}

/** What the log keeps of an answer to a prompt; undefined for any other event. */
export function answerOf(event: SandboxEvent): AnswerMetadata | undefined {
  if (event.msg_type !== 'accepted' || event.content.msg_type !== 'input_reply') { return undefined; }
  const { cell, echo } = event.metadata;
  return typeof cell === 'string' && typeof echo === 'string' ? { cell, echo } : undefined;
}

function cellMetadata({ cellId, index, sourceHash, runId }: JsonObject): CellMetadata {
  return {
    ...(typeof cellId === 'string' && { cellId }), ...(typeof index === 'number' && { index }),
    ...(typeof sourceHash === 'string' && { sourceHash }), ...(typeof runId === 'string' && { runId }),
  };
}
