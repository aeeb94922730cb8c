import type { ExecuteReply, SandboxEvent } from '../../../src/protocol/messages';
import type { InteractiveSandboxSession } from '../../../src/session/session';

/** What whoever sits before the notebook does while a cell runs. */
export interface CellScript {
  /** Answers to its prompts, in order. When they run out a debugger gets `q`, anything else an empty line. */
  answers?: readonly string[];
  /** No prompt is answered. */
  hang?: boolean;
  /** Seconds after which the cell is interrupted. */
  interruptAfter?: number;
  /** Seconds to wait before the next cell. */
  settle?: number;
}

export interface CodeCell {
  /** Among all cells of the notebook. */
  index: number;
  source: string;
  script: CellScript;
  /** An error ends the run unless the cell expects it. */
  raises?: boolean;
}

export interface Prompt { prompt: string; password: boolean }
export interface RanCell { index: number; msgId: string; reply: ExecuteReply; prompts: Prompt[] }

/** One notebook's run: what each cell came to, and every event in the order of the log. */
export interface NotebookRun { cells: RanCell[]; events: SandboxEvent[] }

const DEBUGGER = /^(ipdb> |\(Pdb\) )/;
const wait = (seconds: number): Promise<void> => new Promise((resolve) => { setTimeout(resolve, seconds * 1000); });

/** Runs every cell in order, whatever fails, until the kernel dies. `settle`: seconds to wait at the end for late output. */
export async function runNotebook(session: InteractiveSandboxSession, cells: readonly CodeCell[], settle: number): Promise<NotebookRun> {
  const run: NotebookRun = { cells: [], events: [] };
  const answers = new Map<string, { left: string[]; hang: boolean; prompts: Prompt[] }>();
  const failures: unknown[] = [];
  const listening = session.onEvent((event) => {
    run.events.push(event);
    if (event.msg_type !== 'input_request') return;
    const { prompt, password, request } = event.content;
    const asked = answers.get(event.parent_header.msg_id);
    asked?.prompts.push({ prompt, password });
    if (asked === undefined || asked.hang) return;
    session.answer(request, asked.left.shift() ?? (DEBUGGER.test(prompt) ? 'q' : '')).catch((error: unknown) => { failures.push(error); });
  });
  try {
    for (const { index, source, script } of cells) {
      const { msgId, reply } = session.execute(source);
      const prompts: Prompt[] = [];
      answers.set(msgId, { left: [...script.answers ?? []], hang: script.hang ?? false, prompts });
      const press = script.interruptAfter === undefined ? undefined
        : setTimeout(() => { session.interrupt(msgId).catch((error: unknown) => { failures.push(error); }); }, script.interruptAfter * 1000);
      const ended = await reply;
      clearTimeout(press);
      run.cells.push({ index, msgId, reply: ended, prompts });
      if (ended.failure !== undefined && ended.failure.code !== 'Interrupted') break;
      if (script.settle !== undefined) await wait(script.settle);
    }
    await wait(settle);
  } finally {
    listening.dispose();
  }
  if (failures.length > 0) throw new AggregateError(failures, 'a prompt or an interrupt was not taken');
  return run;
}
