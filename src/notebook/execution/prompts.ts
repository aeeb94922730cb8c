import * as vscode from 'vscode';
import type { Log } from '../../log';
import type { EventContents, EventOf } from '../../protocol/messages';
import { asSandboxError } from '../../session/failures';
import type { SandboxSession } from '../../session/types';
import { createBox } from '../../ui/inputs';
import { showInformation } from '../../ui/messages';
import { fileName } from '../cell-metadata';
import type { CellRun } from './executions';

/**
 * Holds while a box of ours is open. The keybinding of Escape in `package.json` asks for it and for VS Code's own keys: the focus is in the box at
 * the top (`inQuickInput`), and that is one for text (`quickInputType`). Before 1.105 the box itself takes the key, and we hear only that it was closed.
 */
const ASKING_CONTEXT_KEY = 'sandboxedIPython.asking';

type Question = Pick<EventContents['input_request'], 'prompt' | 'password'>;
/** How a box was closed; `covered`: by another one, whoever opened it, with what had been typed. */
type Outcome = { kind: 'answered' | 'covered'; value: string } | { kind: 'escaped' | 'ended' };

/**
 * Asks the user what `input()` and `getpass()` ask, for all notebooks of the window. VS Code has one box at a time: it closes ours
 * when any other opens and says no more than that. So questions have their turns, Escape is told by a key of its own, and a box
 * that was closed otherwise is offered again and is no answer.
 */
export class Prompts {
  #escape: (() => void) | undefined;
  #turn: Promise<unknown> = Promise.resolve();
  /** Boxes that others have covered: what is open then is not ours to close. */
  #covered = 0;

  constructor(private readonly log: Log) {}

  /** Escape was pressed: in our box, unless another has covered it just now. */
  async escape(): Promise<void> {
    if (this.#escape === undefined) {
      await vscode.commands.executeCommand('workbench.action.closeQuickOpen');
    } else {
      this.#escape();
    }
  }

  /** Asks for the run and answers its session; Escape interrupts it. What ends meanwhile asks nothing any more. */
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
        await session.answer(request, answer, { cell, echo: echoOf(answer, password) });
      }
    };
    answering().catch((error: unknown) =>
      this.log.error(`a prompt was not answered: ${asSandboxError(error).message}`),
    );
  }

  /** Undefined: the user pressed Escape, or the run has ended. */
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

  /** One box after the other; those that waited behind one that was covered are not opened over what covers it. */
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

  /** False: the user chose to interrupt, or the run has ended. */
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

/** What the output keeps of the answer. */
const echoOf = (answer: string, password: boolean): string => `${password ? '········' : answer}\n`;

function titleOf({ cell, execution: { executionOrder } }: CellRun): string {
  const name =
    executionOrder === undefined
      ? vscode.l10n.t('Cell {0}', cell.index + 1)
      : vscode.l10n.t('Cell [{0}]', executionOrder);
  return vscode.l10n.t('{0} of {1}', name, fileName(cell.notebook));
}
