import * as vscode from 'vscode';
import { showWhile } from '../ui/progress';

/**
 * Shows one notification while an engine is late with an answer, so that a user who waits for a cell, an installation
 * or a shutdown sees the reason.
 */
export class BusyNotice {
  #busyEngines = 0;
  #close: (() => void) | undefined;

  /** An engine has become busy, or is not busy any more. */
  changed(isBusy: boolean): void {
    this.#busyEngines += isBusy ? 1 : -1;
    if (this.#busyEngines === 0) {
      this.#close?.();
      this.#close = undefined;
    } else if (this.#close === undefined) {
      void showWhile(
        vscode.l10n.t('The container engine is busy. Your request continues when it answers.'),
        new Promise((resolve) => {
          this.#close = resolve;
        }),
      );
    }
  }
}
