import * as vscode from 'vscode';

/** Which notebooks are in view, and which have been there for a while without a break. */
export class NotebooksInView implements vscode.Disposable {
  readonly #subscriptions: vscode.Disposable[];
  /** In view, but not for long enough. */
  readonly #recent = new Map<vscode.NotebookDocument, NodeJS.Timeout>();
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
      this.#update();
      changed();
    };
    const { tabGroups } = vscode.window;
    this.#subscriptions = [
      vscode.window.onDidChangeVisibleNotebookEditors(look),
      tabGroups.onDidChangeTabs(look),
      tabGroups.onDidChangeTabGroups(look),
    ];
    this.#update();
  }

  /** Those that were not passed by, and are in view now. */
  get staying(): ReadonlySet<vscode.NotebookDocument> {
    return this.#staying;
  }

  /** Whether the notebook is in view, be it for a moment. */
  has(notebook: vscode.NotebookDocument): boolean {
    return this.#staying.has(notebook) || this.#recent.has(notebook);
  }

  dispose(): void {
    for (const subscription of this.#subscriptions) {
      subscription.dispose();
    }
    for (const timer of this.#recent.values()) {
      clearTimeout(timer);
    }
    this.#recent.clear();
    this.#staying.clear();
  }

  #update(): void {
    const shown = new Set(inView());
    for (const [notebook, timer] of this.#recent) {
      if (shown.has(notebook)) {
        continue;
      }
      clearTimeout(timer);
      this.#recent.delete(notebook);
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
      this.#recent.set(
        notebook,
        setTimeout(() => {
          this.#recent.delete(notebook);
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
