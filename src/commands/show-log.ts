import type * as vscode from 'vscode';

export const showLog = (channel: vscode.LogOutputChannel) => ({
  id: 'sandboxedIPython.showLog',
  run: (): void => channel.show(),
});
