import { setTimeout as sleep } from 'node:timers/promises';
import * as vscode from 'vscode';
import type { Log } from '../log';
import { fileName } from './cell-metadata';
import { readSettings } from './configuration';
import type { SandboxController } from './controller';
import type { KernelChoices } from './kernel-choices';
import { NotebooksInView } from './notebooks-in-view';
import type { SandboxRecords } from './sandbox/sandbox-records';

/**
 * Milliseconds for which a notebook with our kernel must be visible before its sandbox starts, so that browsing
 * through notebooks starts none.
 */
const IN_VIEW_MS = 250;
/** Most sandboxes that are started early at the same time. */
const MAX_CONCURRENT_STARTS = 2;
/** Most sandboxes of this window in which nothing has run. */
const MAX_UNUSED_SANDBOXES = 4;

/**
 * Starts the sandbox of a visible notebook with our kernel, so that it is ready for the first cell (setting
 * `startOn`). The image is made only if the user has chosen our kernel for the notebook. A failure only goes to the
 * log, because the first cell reports it.
 */
export class EarlyStarts implements vscode.Disposable {
  readonly #subscriptions: vscode.Disposable[];
  readonly #inView: NotebooksInView;
  /** Notebooks that have had a sandbox or a failed start. The next start must be requested by the user. */
  readonly #settled = new WeakSet<vscode.NotebookDocument>();
  /** Notebooks for which the user chose our kernel and no start has begun since. */
  readonly #chosen = new WeakSet<vscode.NotebookDocument>();
  /** Notebooks whose sandboxes were started early, oldest first. */
  readonly #startedEarly = new Set<vscode.NotebookDocument>();
  readonly #waiting = new Set<vscode.NotebookDocument>();
  readonly #starting = new Set<vscode.NotebookDocument>();
  #isDisposed = false;

  constructor(
    private readonly controller: SandboxController,
    choices: KernelChoices,
    private readonly records: SandboxRecords,
    private readonly log: Log,
  ) {
    this.#inView = new NotebooksInView(IN_VIEW_MS, () => this.#update());
    this.#subscriptions = [
      this.#inView,
      vscode.workspace.onDidGrantWorkspaceTrust(() => this.#update()),
      choices.onDidChoose((notebook) => {
        this.#chosen.add(notebook);
        this.#retry(notebook);
      }),
      controller.onDidSelect(() => {
        void sleep(IN_VIEW_MS).then(() => this.#update());
      }),
      controller.onDidChangeStatus((notebook) => {
        if (this.#hasSandbox(notebook)) {
          this.#settled.add(notebook);
        }
      }),
      vscode.workspace.onDidCloseNotebookDocument((notebook) => {
        this.#startedEarly.delete(notebook);
      }),
    ];
  }

  dispose(): void {
    this.#isDisposed = true;
    for (const subscription of this.#subscriptions) {
      subscription.dispose();
    }
    this.#waiting.clear();
  }

  #update(): void {
    for (const notebook of this.#inView.staying) {
      if (this.#isWanted(notebook)) {
        this.#waiting.add(notebook);
      }
    }
    this.#startWaiting();
  }

  /** The user chose our kernel, so an earlier sandbox or failure no longer prevents an early start. */
  #retry(notebook: vscode.NotebookDocument): void {
    if (this.#hasSandbox(notebook)) {
      return;
    }
    this.#settled.delete(notebook);
    this.#update();
  }

  #startWaiting(): void {
    for (const notebook of this.#waiting) {
      if (this.#starting.size >= MAX_CONCURRENT_STARTS) {
        return;
      }
      this.#waiting.delete(notebook);
      if (!this.#isWanted(notebook)) {
        continue;
      }
      this.#starting.add(notebook);
      this.#start(notebook)
        .catch((error: unknown) => {
          this.#settled.add(notebook);
          this.log.warn(`no sandbox was started for ${fileName(notebook)}, which was opened: ${String(error)}`);
        })
        .finally(() => {
          this.#starting.delete(notebook);
          this.#startWaiting();
          if (this.#chosen.has(notebook)) {
            // The user chose our kernel again during the start.
            this.#retry(notebook);
          }
        });
    }
  }

  async #start(notebook: vscode.NotebookDocument): Promise<void> {
    const makesImage = this.#chosen.delete(notebook);
    if (readSettings(notebook.uri, this.log).startOn !== 'open' || !this.#makeRoom()) {
      return;
    }
    this.#startedEarly.add(notebook);
    const isStarted = await this.controller.sandboxes.of(notebook).startEarly({ makesImage });
    this.log.debug(
      `${fileName(notebook)} is in view: ${isStarted ? 'its sandbox was started' : 'its sandbox starts with the first cell'}`,
    );
  }

  #isWanted(notebook: vscode.NotebookDocument): boolean {
    return (
      !this.#isDisposed &&
      vscode.workspace.isTrusted &&
      !this.#starting.has(notebook) &&
      this.controller.isSelectedFor(notebook) &&
      !this.#settled.has(notebook) &&
      this.#inView.staying.has(notebook) &&
      this.records.get(notebook.uri) === undefined &&
      this.records.elsewhere.newest(notebook.uri) === undefined
    );
  }

  /** A sandbox that is being started counts too. */
  #hasSandbox(notebook: vscode.NotebookDocument): boolean {
    return (this.controller.sandboxes.get(notebook)?.status.kind ?? 'none') !== 'none';
  }

  /**
   * Returns false if the maximum number of unused sandboxes belongs to visible notebooks. Otherwise one of an
   * invisible notebook may be ended, and the new start does not wait until it is gone.
   */
  #makeRoom(): boolean {
    const unused = [...this.#startedEarly].filter(
      (notebook) => !this.#starting.has(notebook) && this.controller.sandboxes.get(notebook)?.isUnused === true,
    );
    if (unused.length + this.#starting.size <= MAX_UNUSED_SANDBOXES) {
      return true;
    }
    const left = unused.find((notebook) => !this.#inView.has(notebook));
    if (left === undefined) {
      return false;
    }
    this.#startedEarly.delete(left);
    this.controller.sandboxes
      .close(left)
      .catch((error: unknown) => {
        this.log.warn(`the unused sandbox of ${fileName(left)} was not ended: ${String(error)}`);
      })
      .finally(() => {
        this.#settled.delete(left);
        this.#update(); // the notebook may be visible again
      });
    return true;
  }
}
