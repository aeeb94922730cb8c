import * as vscode from 'vscode';

/** Knows which notebooks are visible, and which have been visible for a while without a break. */
export class NotebooksInView implements vscode.Disposable {
  readonly #subscriptions: vscode.Disposable[];
  /** Visible notebooks that have not been visible for long enough yet. */
  readonly #recent = new Map<vscode.NotebookDocument, NodeJS.Timeout>();
  readonly #staying = new Set<vscode.NotebookDocument>();

  /**
   * @param whileMs milliseconds for which a notebook must be visible to be in {@link staying}
   * @param changed called when {@link staying} may have changed
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

  /** The notebooks that are visible now and have been for long enough. */
  get staying(): ReadonlySet<vscode.NotebookDocument> {
    return this.#staying;
  }

  /** Whether the notebook is visible, even if only for a moment. */
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
 * The notebooks that are visible and whose tabs are in front. While VS Code loads a notebook, it still counts the
 * notebook that the same group showed before as visible, although its tab is behind another one.
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
