'use strict';

const vscode = require('vscode');

/** Answers each cell with its source; a source that begins with "raise" fails. */
exports.activate = (context) => {
  const controller = vscode.notebooks.createNotebookController('dummy-kernel', 'jupyter-notebook', 'Dummy Kernel');
  let count = 0;
  controller.supportsExecutionOrder = true;
  controller.executeHandler = async (cells) => {
    for (const cell of cells) {
      const execution = controller.createNotebookCellExecution(cell);
      execution.executionOrder = ++count;
      execution.start(Date.now());
      const source = cell.document.getText();
      const fails = source.startsWith('raise');
      const item = fails
        ? vscode.NotebookCellOutputItem.error(new Error(source))
        : vscode.NotebookCellOutputItem.text(`echo: ${source}`);
      await execution.replaceOutput(new vscode.NotebookCellOutput([item]));
      execution.end(!fails, Date.now());
    }
  };
  context.subscriptions.push(controller);
};
