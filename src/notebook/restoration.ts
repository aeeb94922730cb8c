import * as vscode from 'vscode';
import { CellDocument } from '../outputs/document';
import { EventBatcher } from '../outputs/batcher';
import type { NotebookOutputs } from '../outputs/notebook-outputs';
import { matchRuns, runsOf } from '../outputs/past';
import type { EventOf, ExecuteReply, SandboxEvent } from '../protocol/messages';
import type { AttachedCell } from '../session/types';
import { hashOf, idOf, keyOf } from './cell-metadata';

/** What a log says of one cell of the notebook. */
export interface RestoredRun {
  msgId: string;
  cell: vscode.NotebookCell;
  document: CellDocument;
  /** Undefined: it has ended. */
  open: AttachedCell | undefined;
  /** The prompt that is open, whose answer it waits for. */
  prompt: EventOf<'input_request'> | undefined;
  /** Something of it came after what the document surely shows. */
  isNew: boolean;
  /** How it ended, and when by the supervisor's clock (seconds). */
  end: { reply: ExecuteReply; t: number } | undefined;
}

export interface Restored {
  runs: RestoredRun[];
  /** Open cells that the notebook does not have any more. */
  strays: AttachedCell[];
  /** Runs with something new whose cells are gone. */
  homeless: number;
}

/**
 * Folds a whole log into what each cell of the notebook should show, so that cells are replaced and never appended to:
 * document and log are never saved together. `outputs` then goes on with what comes.
 * @param after the event up to which the document surely shows everything
 */
export function restore(events: readonly SandboxEvent[], open: readonly AttachedCell[], notebook: vscode.NotebookDocument, outputs: NotebookOutputs, after: number): Restored {
  const cells = notebook.getCells().filter(({ kind }) => kind === vscode.NotebookCellKind.Code)
    .map((cell) => ({ id: idOf(cell), index: cell.index, sourceHash: hashOf(cell.document.getText()), cell }));
  const past = runsOf(events, open);
  const placed = matchRuns(past, cells);
  const known = new Set(matchRunsOfAnyAge(past, cells));
  const documents = new Map([...placed.keys()].map((msgId) => [msgId, new CellDocument()]));
  for (const [msgId, { cell }] of placed) { outputs.begin(msgId, keyOf(cell)); }
  const fresh = new Set<string>();
  const ends = new Map<string, { reply: ExecuteReply; t: number }>();
  const prompts = new Map<string, EventOf<'input_request'>>();
  const batcher = new EventBatcher((event) => {
    for (const { run, edit } of outputs.fold(event)) {
      documents.get(run)?.apply(edit);
      if (event.seq > after) { fresh.add(run); }
    }
  });
  for (const event of events) {
    batcher.add(event);
    const msgId = event.parent_header.msg_id;
    if (event.msg_type === 'execute_reply') { ends.set(msgId, { reply: event.content, t: event.t }); }
    if (event.msg_type === 'input_request') { prompts.set(msgId, event); }
    if (event.seq > after && !known.has(msgId) && event.msg_type === 'stream') { fresh.add(msgId); }
  }
  batcher.flush();
  for (const { run, edit } of outputs.redraw()) { documents.get(run)?.apply(edit); }
  const openCells = new Map(open.map((cell) => [cell.msgId, cell]));
  return {
    runs: [...placed].map(([msgId, { cell }]) => {
      const prompt = prompts.get(msgId);
      const attached = openCells.get(msgId);
      return {
        msgId, cell, document: documents.get(msgId) ?? new CellDocument(), open: attached, isNew: fresh.has(msgId), end: ends.get(msgId),
        prompt: attached !== undefined && prompt?.content.request === attached.request ? prompt : undefined,
      };
    }),
    strays: open.filter(({ msgId }) => !placed.has(msgId)),
    homeless: past.filter(({ msgId }) => !known.has(msgId) && (fresh.has(msgId) || openCells.has(msgId))).length,
  };
}

/** Also those that a later run of their cell has replaced. */
const matchRunsOfAnyAge = (runs: Parameters<typeof matchRuns>[0], cells: Parameters<typeof matchRuns>[1]): string[] =>
  runs.filter((run) => matchRuns([run], cells).size > 0).map(({ msgId }) => msgId);
