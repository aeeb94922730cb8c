import * as vscode from 'vscode';
import type { Log } from '../../log';
import type { EventContents, EventOf } from '../../protocol/messages';
import { asSandboxError } from '../../session/failures';
import type { SandboxSession } from '../../session/types';
import { createBox } from '../../ui/inputs';
import { showInformation } from '../../ui/messages';
import { fileName } from '../cell-metadata';
import type { NotebookEventSource, NotebookState } from '../notebook-events';
import type { CellRun } from './executions';

/**
 * This context is set while a box of this class is open. The keybinding of Escape in `package.json` requires it
 * together with VS Code's own context keys, which say that the focus is in the box at the top (`inQuickInput`) and
 * that this is a text box (`quickInputType`). Before VS Code 1.105 the box itself handles the key, and extensions are
 * only told that it was closed.
 */
const ASKING_CONTEXT_KEY = 'sandboxedIPython.asking';

type Question = Pick<EventContents['input_request'], 'prompt' | 'password'>;
/**
 * How a box was closed. `covered`: another box, opened by anyone, has closed it; `value` is the text typed until then.
 */
type Outcome = { kind: 'answered' | 'covered'; value: string } | { kind: 'escaped' | 'ended' };

/**
 * Asks the user for the answers to `input()` and `getpass()`, for all notebooks of the window. VS Code shows one box
 * at a time: it closes a box when another one opens, without telling why. Therefore questions are asked one after the
 * other, a keybinding of its own reports Escape, and a box that was closed in any other way is offered again instead
 * of counting as an answer.
 */
export class Prompts {
  #escape: (() => void) | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  /**
   * Number of boxes that other boxes have closed. The box that is open after that does not belong to this class and
   * must not be closed by it.
   */
  #covered = 0;

  constructor(private readonly log: Log) {}

  /** Escape was pressed in a box of this class, or in a box that has just replaced it. */
  async escape(): Promise<void> {
    if (this.#escape === undefined) {
      await vscode.commands.executeCommand('workbench.action.closeQuickOpen');
    } else {
      this.#escape();
    }
  }

  /** Answers the questions of a notebook's cells. */
  listen(events: NotebookEventSource, state: NotebookState): void {
    events.on('didShow', (event) => {
      if (event.msg_type !== 'input_request') {
        return;
      }
      const run = state.executions.ofEvent(event);
      const { session } = state;
      if (run !== undefined && session !== undefined) {
        this.answer(session, run, event);
      }
    });
  }

  /**
   * Asks the question of a run and sends the answer to its session. Escape interrupts the run. A question whose run
   * has ended is dropped.
   */
  answer(session: SandboxSession, run: CellRun, event: EventOf<'input_request'>): void {
    const { password, request } = event.content;
    const cell = event.parent_header.msg_id;
    const answering = async (): Promise<void> => {
      const answer = await this.#ask(run, event.content);
      if (run.state === 'ended') {
        return;
      }
      if (answer === undefined) {
        await session.interrupt(cell);
      } else {
        await session.kernel(event.kernel).answer(request, answer, { cell, echo: echoOf(answer, password) });
      }
    };
    answering().catch((error: unknown) =>
      this.log.error(`a prompt was not answered: ${asSandboxError(error).message}`),
    );
  }

  /** Returns undefined if the user pressed Escape or the run has ended. */
  async #ask(run: CellRun, question: Question): Promise<string | undefined> {
    const { ended } = run;
    let value = '';
    while (!ended.isCancellationRequested) {
      const outcome = await this.#inTurn(run, question, value);
      if (outcome.kind === 'answered') {
        return outcome.value;
      }
      if (outcome.kind !== 'covered') {
        return undefined;
      }
      value = outcome.value;
      if (!(await this.#remind(run, question))) {
        return undefined;
      }
    }
    return undefined;
  }

  /**
   * Opens one box after the other. If a box is covered, the questions that waited behind it do not open over the
   * covering box.
   */
  #inTurn(run: CellRun, question: Question, value: string): Promise<Outcome> {
    const before = this.#covered;
    const turn = this.#turn.then((): Outcome | Promise<Outcome> => {
      if (run.ended.isCancellationRequested) {
        return { kind: 'ended' };
      }
      return this.#covered === before ? this.#open(run, question, value) : { kind: 'covered', value };
    });
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  #open(run: CellRun, { prompt, password }: Question, value: string): Promise<Outcome> {
    const box = createBox({
      title: vscode.l10n.t('{0} asks', titleOf(run)),
      password,
      value,
      prompt: prompt.trim() === '' ? vscode.l10n.t('The cell waits for your input. Escape interrupts it.') : prompt,
    });
    return new Promise((resolve) => {
      const close = (outcome: Outcome): void => {
        if (this.#escape !== escape) {
          return;
        }
        this.#escape = undefined;
        if (outcome.kind === 'covered') {
          this.#covered += 1;
        }
        for (const subscription of subscriptions) {
          subscription.dispose();
        }
        box.dispose();
        this.#setAsking(false);
        resolve(outcome);
      };
      const escape = (): void => close({ kind: 'escaped' });
      this.#escape = escape;
      const subscriptions = [
        box.onDidAccept(() => close({ kind: 'answered', value: box.value })),
        box.onDidHide(() => close({ kind: 'covered', value: box.value })),
        run.ended.onCancellationRequested(() => close({ kind: 'ended' })),
      ];
      this.#setAsking(true);
      box.show();
    });
  }

  /** Returns false if the user chose to interrupt or the run has ended. */
  async #remind(run: CellRun, { prompt }: Question): Promise<boolean> {
    const [answer, interrupt] = [vscode.l10n.t('Answer'), vscode.l10n.t('Interrupt')];
    const text = vscode.l10n.t('{0} waits for your input: {1}', titleOf(run), prompt.trim() === '' ? '…' : prompt);
    const ended = new Promise<'ended'>((resolve) => {
      run.ended.onCancellationRequested(() => resolve('ended'));
    });
    const chosen = await Promise.race([showInformation(text, answer, interrupt), ended]);
    return chosen !== interrupt && chosen !== 'ended';
  }

  #setAsking(on: boolean): void {
    void vscode.commands.executeCommand('setContext', ASKING_CONTEXT_KEY, on);
  }
}

/** The answer as the cell's output shows it. */
const echoOf = (answer: string, password: boolean): string => `${password ? '········' : answer}\n`;

function titleOf({ cell, execution: { executionOrder } }: CellRun): string {
  const name =
    executionOrder === undefined
      ? vscode.l10n.t('Cell {0}', cell.index + 1)
      : vscode.l10n.t('Cell [{0}]', executionOrder);
  return vscode.l10n.t('{0} of {1}', name, fileName(cell.notebook));
}
