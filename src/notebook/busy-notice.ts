import * as vscode from 'vscode';
import { showWhile } from '../ui/progress';

/** Shows one notification for as long as some engine is late with an answer: who waits for a cell, an install or a shutdown sees why. */
export class BusyNotice {
  #busyEngines = 0;
  #close: (() => void) | undefined;

  /** One more engine is busy, or one is not any more. */
  changed(isBusy: boolean): void {
    this.#busyEngines += isBusy ? 1 : -1;
    if (this.#busyEngines === 0) {
      this.#close?.();
      this.#close = undefined;
    } else if (this.#close === undefined) {
      void showWhile(
        vscode.l10n.t('The container engine is busy. What you asked for goes on once it answers.'),
        new Promise((resolve) => {
          this.#close = resolve;
        }),
      );
    }
  }
}
