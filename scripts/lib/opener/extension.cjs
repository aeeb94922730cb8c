'use strict';

const vscode = require('vscode');

exports.activate = async () => {
  const file = process.env.SANDBOXED_IPYTHON_OPEN;
  if (file) {
    await vscode.commands.executeCommand('vscode.openWith', vscode.Uri.file(file), 'jupyter-notebook');
  }
};
