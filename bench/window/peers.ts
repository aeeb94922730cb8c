import * as vscode from 'vscode';
import { Bridge, type Message } from './bridge';
import { SHOW_IMAGE, SHOW_TABLE, richOutputOf, type RichOutput } from './rich-cells';

type Run = (notebook: vscode.NotebookDocument, execution: vscode.NotebookCellExecution) => Promise<boolean>;

/**
 * The kernels with which ours is compared. `ipykernel` has as little code between the kernel and VS Code as the API
 * permits. `floor` has no kernel: it ends every cell at once and shows an image or a table that it has made in an
 * earlier cell, so that it takes the time that VS Code itself needs. Both are controllers of the extension under test,
 * because this module is in its folder.
 */
export function registerPeers(python: string): vscode.Disposable {
  const bridge = new Bridge(python);
  return vscode.Disposable.from(
    bridge,
    controllerOf('ipykernel', (notebook, execution) => runInIpykernel(bridge, notebook, execution)),
    controllerOf('floor', floor()),
    vscode.workspace.onDidCloseNotebookDocument(({ uri }) => bridge.stop(uri.toString())),
  );
}

/** @param run runs a cell that was started; resolves to whether it succeeded */
function controllerOf(id: string, run: Run): vscode.NotebookController {
  const controller = vscode.notebooks.createNotebookController(id, 'jupyter-notebook', id);
  controller.supportsExecutionOrder = true;
  controller.executeHandler = async (cells, notebook) => {
    for (const execution of cells.map((cell) => controller.createNotebookCellExecution(cell))) {
      execution.start(Date.now());
      void execution.clearOutput();
      execution.end(await run(notebook, execution), Date.now());
    }
  };
  return controller;
}

/** Shows the output that an earlier cell of any notebook has prepared. Only one notebook is open at a time. */
function floor(): Run {
  let made: RichOutput | undefined;
  return (_notebook, execution) => {
    const source = execution.cell.document.getText();
    made = richOutputOf(source) ?? made;
    if (made !== undefined && (source === SHOW_IMAGE || source === SHOW_TABLE)) {
      void execution.appendOutput(
        new vscode.NotebookCellOutput([new vscode.NotebookCellOutputItem(made.data, made.mime)]),
      );
    }
    return Promise.resolve(true);
  };
}

/**
 * Shows outputs message by message, as the Jupyter extension does. Text is appended to the last output if that belongs
 * to the same stream.
 */
function runInIpykernel(
  bridge: Bridge,
  notebook: vscode.NotebookDocument,
  execution: vscode.NotebookCellExecution,
): Promise<boolean> {
  let stream: { name: unknown; output: vscode.NotebookCellOutput } | undefined;
  return bridge.execute(
    notebook.uri.toString(),
    execution.cell.document.getText(),
    ({ header: { msg_type: type }, content }) => {
      if (type === 'execute_input') {
        execution.executionOrder = Number(content['execution_count']);
      } else if (type === 'stream' && stream !== undefined && stream.name === content['name']) {
        void execution.appendOutputItems(itemsOf(type, content), stream.output);
      } else {
        const output = new vscode.NotebookCellOutput(itemsOf(type, content), { outputType: type });
        stream = type === 'stream' ? { name: content['name'], output } : undefined;
        void execution.appendOutput(output);
      }
    },
  );
}

function itemsOf(type: string, content: Message['content']): vscode.NotebookCellOutputItem[] {
  switch (type) {
    case 'stream':
      return [
        content['name'] === 'stdout'
          ? vscode.NotebookCellOutputItem.stdout(String(content['text']))
          : vscode.NotebookCellOutputItem.stderr(String(content['text'])),
      ];
    case 'error':
      return [
        vscode.NotebookCellOutputItem.error({
          name: String(content['ename']),
          message: String(content['evalue']),
          stack: (content['traceback'] as string[]).join('\n'),
        }),
      ];
    default:
      return Object.entries(content['data'] as Record<string, unknown>).map(([mime, data]) => itemOf(mime, data));
  }
}

function itemOf(mime: string, data: unknown): vscode.NotebookCellOutputItem {
  return mime.startsWith('image/') && mime !== 'image/svg+xml'
    ? new vscode.NotebookCellOutputItem(Buffer.from(String(data), 'base64'), mime)
    : vscode.NotebookCellOutputItem.text(typeof data === 'string' ? data : JSON.stringify(data), mime);
}
