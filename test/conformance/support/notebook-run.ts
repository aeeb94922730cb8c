import { randomUUID } from 'node:crypto';
import type { ExecuteReply, JsonValue, SandboxEvent } from '../../../src/protocol/messages';
import type { ContainerSession } from '../../../src/session/session';
import type { CellExecution } from '../../../src/session/types';
import type { HostMessage } from './comms';
import { ask, type Question } from './questions';

/** What the user does while a cell runs. */
export interface CellScript {
  /**
   * Answers to the prompts of the cell, in order. After the last one, a debugger gets `q` and every other prompt an
   * empty line.
   */
  answers?: readonly string[];
  /** Whether no prompt is answered. */
  hang?: boolean;
  /** Seconds after which the cell is interrupted. */
  interruptAfter?: number;
  /** Seconds to wait before the next cell. */
  settle?: number;
  /** Whether the cell is sent together with the cell above it, as by "Run All". */
  queued?: boolean;
  /** Whether the cell is tagged `raises-exception`, so that later cells run all the same. */
  raises?: boolean;
  /** The messages that a host sends to comms once the cell has ended, one after the other. */
  comm?: readonly HostMessage[];
}

export interface CodeCell {
  /** The position among all cells of the notebook. */
  index: number;
  source: string;
  script: CellScript;
  /** The questions of an editor once the cell has ended and the messages to comms were handled. */
  questions?: readonly Question[];
}

export interface Prompt {
  prompt: string;
  password: boolean;
}
export interface RanCell {
  index: number;
  msgId: string;
  reply: ExecuteReply;
  prompts: Prompt[];
  /** The ids of the messages that were sent to comms. */
  sent: string[];
  told: JsonValue[];
}

/** The run of one notebook: the result of each cell, and every event in the order of the log. */
export interface NotebookRun {
  cells: RanCell[];
  events: SandboxEvent[];
}

const DEBUGGER = /^(ipdb> |\(Pdb\) )/;
const wait = (seconds: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, seconds * 1000);
  });

/**
 * Runs every cell in order, even after failures, until the kernel ends. `settle`: seconds to wait at the end for late
 * output.
 */
export async function runNotebook(
  session: ContainerSession,
  cells: readonly CodeCell[],
  settle: number,
): Promise<NotebookRun> {
  const run: NotebookRun = { cells: [], events: [] };
  const answers = new Map<string, { left: string[]; hang: boolean; prompts: Prompt[] }>();
  const failures: unknown[] = [];
  const listening = session.onEvent((event) => {
    run.events.push(event);
    if (event.msg_type !== 'input_request') {
      return;
    }
    const { prompt, password, request } = event.content;
    const asked = answers.get(event.parent_header.msg_id);
    asked?.prompts.push({ prompt, password });
    if (asked === undefined || asked.hang) {
      return;
    }
    session.answer(request, asked.left.shift() ?? (DEBUGGER.test(prompt) ? 'q' : '')).catch((error: unknown) => {
      failures.push(error);
    });
  });
  try {
    const executions: CellExecution[] = [];
    for (const [place, { index, script, questions = [] }] of cells.entries()) {
      if (executions.length === 0) {
        executions.push(...together(session, cells, place));
      }
      const { msgId, reply } = executions.shift() ?? fail('nothing was sent');
      const prompts: Prompt[] = [];
      answers.set(msgId, { left: [...(script.answers ?? [])], hang: script.hang ?? false, prompts });
      const press =
        script.interruptAfter === undefined
          ? undefined
          : setTimeout(() => {
              session.interrupt(msgId).catch((error: unknown) => {
                failures.push(error);
              });
            }, script.interruptAfter * 1000);
      const ended = await reply;
      clearTimeout(press);
      const ran: RanCell = { index, msgId, reply: ended, prompts, sent: [], told: [] };
      run.cells.push(ran);
      if (ended.failure !== undefined && !['Interrupted', 'Aborted'].includes(ended.failure.code)) {
        break;
      }
      for (const message of script.comm ?? []) {
        ran.sent.push(await toComm(session, message, run.events));
      }
      for (const question of questions) {
        ran.told.push(await ask(session, question));
      }
      if (script.settle !== undefined) {
        await wait(script.settle);
      }
    }
    await wait(settle);
  } finally {
    listening.dispose();
  }
  if (failures.length > 0) {
    throw new AggregateError(failures, 'a prompt or an interrupt was not taken');
  }
  return run;
}

/** Sends a cell and the cells that are queued behind it. */
function together(session: ContainerSession, cells: readonly CodeCell[], place: number): CellExecution[] {
  const behind = cells.slice(place + 1).findIndex(({ script }) => script.queued !== true);
  const group = cells.slice(place, behind < 0 ? undefined : place + 1 + behind);
  const runId = randomUUID();
  return group.map(({ source, script }) =>
    session.execute(source, { stopOnError: script.raises !== true, metadata: { runId } }),
  );
}

/** Returns the id of the message once it was handled and all of its effects are among the events. */
async function toComm(
  session: ContainerSession,
  { type, comm, target, data, metadata, buffers = [] }: HostMessage,
  events: readonly SandboxEvent[],
): Promise<string> {
  const msgId = await session.sendComm({
    type,
    commId: comm,
    ...(target !== undefined && { targetName: target }),
    ...(data !== undefined && { data }),
    ...(metadata !== undefined && { metadata }),
    buffers: buffers.map((one) => Buffer.from(one, 'base64')),
  });
  for (
    let waited = 0;
    !events.some(
      (event) =>
        event.msg_type === 'status' && event.content.execution_state === 'idle' && event.parent_header.msg_id === msgId,
    );
    waited += 1
  ) {
    if (waited > 3_000) {
      fail('a message to a comm was not handled');
    }
    await wait(0.01);
  }
  return msgId;
}

function fail(why: string): never {
  throw new Error(why);
}
