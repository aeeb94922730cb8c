import * as vscode from 'vscode';

/** Which notebooks are in view, and which have been there for a while without a break. */
export class NotebooksInView implements vscode.Disposable {
  readonly #subscriptions: vscode.Disposable[];
  /** In view, but not for long enough. */
  readonly #coming = new Map<vscode.NotebookDocument, NodeJS.Timeout>();
  readonly #staying = new Set<vscode.NotebookDocument>();

  /**
   * @param whileMs a notebook that leaves the view before it has been there for so many milliseconds was passed by
   * @param changed {@link staying} may have others
   */
  constructor(
    private readonly whileMs: number,
    private readonly changed: () => void,
  ) {
    const look = (): void => {
      this.#look();
      changed();
    };
    const { tabGroups } = vscode.window;
    this.#subscriptions = [
      vscode.window.onDidChangeVisibleNotebookEditors(look),
      tabGroups.onDidChangeTabs(look),
      tabGroups.onDidChangeTabGroups(look),
    ];
    this.#look();
  }

  /** Those that were not passed by, and are in view now. */
  get staying(): ReadonlySet<vscode.NotebookDocument> {
    return this.#staying;
  }

  /** Whether the notebook is in view, be it for a moment. */
  has(notebook: vscode.NotebookDocument): boolean {
    return this.#staying.has(notebook) || this.#coming.has(notebook);
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) {
      subscription.dispose();
    }
    for (const timer of this.#coming.values()) {
      clearTimeout(timer);
    }
    this.#coming.clear();
    this.#staying.clear();
  }

  #look(): void {
    const shown = new Set(inView());
    for (const [notebook, timer] of this.#coming) {
      if (shown.has(notebook)) {
        continue;
      }
      clearTimeout(timer);
      this.#coming.delete(notebook);
    }
    for (const notebook of this.#staying) {
      if (!shown.has(notebook)) {
        this.#staying.delete(notebook);
      }
    }
    for (const notebook of shown) {
      if (this.has(notebook)) {
        continue;
      }
      this.#coming.set(
        notebook,
        setTimeout(() => {
          this.#coming.delete(notebook);
          this.#staying.add(notebook);
          this.changed();
        }, this.whileMs),
      );
    }
  }
}

/**
 * While VS Code loads a notebook, its group still counts the one that was shown there last as visible, though that one's tab is behind
 * others: what is in view is visible and has the tab in front.
 */
function inView(): vscode.NotebookDocument[] {
  const inFront = new Set(
    vscode.window.tabGroups.all.flatMap(({ activeTab }) =>
      activeTab?.input instanceof vscode.TabInputNotebook ? [activeTab.input.uri.toString()] : [],
    ),
  );
  return vscode.window.visibleNotebookEditors.flatMap(({ notebook }) =>
    inFront.has(notebook.uri.toString()) ? [notebook] : [],
  );
}
