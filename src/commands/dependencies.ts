import type * as vscode from 'vscode';
import type { MessageContext } from '../messages';
import type { McpOffer } from '../mcp/offer';
import type { SandboxController } from '../notebook/controller';
import type { ProxyPassword } from '../notebook/proxy-password';
import type { SandboxRecords } from '../notebook/sandbox/sandbox-records';
import type { Installation } from '../notebook/sandbox/session-starter';

/** What the commands work with. */
export interface CommandDependencies {
  controller: SandboxController;
  channel: vscode.LogOutputChannel;
  installation: Installation;
  password: ProxyPassword;
  records: SandboxRecords;
  mcp: McpOffer;
  messageContext: MessageContext;
  version: string;
}
