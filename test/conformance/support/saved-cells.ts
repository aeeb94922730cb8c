import { EventBatcher } from '../../../src/outputs/batcher';
import { NotebookOutputs } from '../../../src/outputs/notebook-outputs';
import type { JsonObject, JsonValue, MimeBundle, SandboxEvent } from '../../../src/protocol/messages';
import { applyEdit, type ModelCell } from '../../unit/outputsModel';
import { commLine, heard, isComm, kernelMessage, type Heard } from './comms';
import type { NotebookRun, Prompt } from './notebook-run';

/** An output in nbformat. */
export type SavedOutput =
  | { output_type: 'stream'; name: string; text: string }
  | { output_type: 'display_data'; data: MimeBundle; metadata: JsonObject }
  | { output_type: 'execute_result'; data: MimeBundle; metadata: JsonObject; execution_count: number }
  | { output_type: 'error'; ename: string; evalue: string; traceback: string[] };

/** A code cell after its run, including what a saved notebook does not contain. */
export interface SavedCell {
  index: number;
  outputs: SavedOutput[];
  execution_count: number | null;
  payload: JsonObject[];
  prompts: Prompt[];
  /** One line for each message of a comm that it sent. */
  comms: string[];
  /** The effects of each message that was sent to a comm after the cell. */
  heard: Heard[];
  /** The answers of the kernel to the questions after the cell. */
  told: JsonValue[];
  kernel_died: boolean;
}

/** Folds the log of a run as `src/notebook` does, and returns the cells as they are saved. */
export function savedCells(run: NotebookRun): SavedCell[] {
  const outputs = new NotebookOutputs();
  const cells = new Map<string, ModelCell>(run.cells.map(({ msgId }) => [msgId, { outputs: [], started: false }]));
  for (const { msgId, index } of run.cells) {
    outputs.begin(msgId, String(index));
  }
  const apply = (edits: ReturnType<NotebookOutputs['fold']>): void => {
    for (const { run: name, edit } of edits) {
      const cell = cells.get(name);
      if (cell !== undefined) {
        applyEdit(cell, edit);
      }
    }
  };
  const batcher = new EventBatcher((event) => {
    apply(outputs.fold(event));
  }, 0);
  // A front end decides where it shows these outputs, so they are compared separately.
  const beside = new Set(run.cells.flatMap(({ sent }) => sent));
  for (const event of run.events.filter((one) => !beside.has(one.parent_header.msg_id)).flatMap(ofTheKernel)) {
    batcher.add(event);
  }
  batcher.dispose();
  const eventsOf = (parent: string): SandboxEvent[] =>
    run.events.filter((event) => event.parent_header.msg_id === parent);
  return run.cells.map(({ index, msgId, reply, prompts, sent, told }) => {
    const cell = cells.get(msgId);
    return {
      index,
      outputs:
        cell?.outputs.filter(({ output }) => output.output_type !== 'failure').map(({ output }) => saved(output)) ?? [],
      execution_count: cell?.order ?? null,
      payload: reply.payload,
      prompts,
      comms: eventsOf(msgId)
        .filter(isComm)
        .map((event) => commLine(kernelMessage(event))),
      heard: sent.map((one) => heard(eventsOf(one).map(kernelMessage))),
      told,
      kernel_died: reply.failure?.code === 'KernelDied',
    };
  });
}

/**
 * Pager content is compared as `payload`, and prompts as `prompts`. A front end decides whether it shows them as
 * outputs.
 */
function ofTheKernel(event: SandboxEvent): SandboxEvent[] {
  if (event.msg_type === 'input_request') {
    return [];
  }
  if (event.msg_type !== 'execute_reply') {
    return [event];
  }
  return [
    {
      ...event,
      content: { ...event.content, payload: event.content.payload.filter(({ source }) => source !== 'page') },
    },
  ];
}

function saved(output: ModelCell['outputs'][number]['output']): SavedOutput {
  switch (output.output_type) {
    case 'display_data':
      return { output_type: 'display_data', data: output.data, metadata: output.metadata };
    case 'execute_result':
      return {
        output_type: 'execute_result',
        data: output.data,
        metadata: output.metadata,
        execution_count: output.execution_count,
      };
    case 'failure':
      throw new Error('the end of a kernel is told by kernel_died');
    case 'notice':
      return { output_type: 'stream', name: 'stderr', text: noticeText(output.failure.code) };
    default:
      return output;
  }
}

/** The text of a notice belongs to `src/messages`; here it is identified by its code. */
const noticeText = (code: string): string => `<${code}>\n`;
export const isNotice = (output: SavedOutput, code: string): boolean =>
  output.output_type === 'stream' && output.name === 'stderr' && output.text === noticeText(code);
