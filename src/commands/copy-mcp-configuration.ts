import * as vscode from 'vscode';
import { MCP_CLIENTS } from '../mcp/client-configuration';
import type { McpOffer } from '../mcp/offer';
import { chooseOne } from '../ui/inputs';
import { showInformation } from '../ui/messages';

/** Copies what an agent outside of this window needs to start the MCP server. `label` names the client and skips the question. */
export async function copyMcpConfiguration(mcp: McpOffer, label?: unknown): Promise<void> {
  const { t } = vscode.l10n;
  const named = MCP_CLIENTS.find((one) => one.label === label);
  const client =
    named ??
    (await chooseOne(
      MCP_CLIENTS.map((value) => ({ value, label: value.label, description: value.place })),
      { title: t('Copy MCP Configuration'), placeholder: t('Choose the agent that will run Python in sandboxes') },
    ));
  if (client === undefined) {
    return;
  }
  await vscode.env.clipboard.writeText(client.format(await mcp.prepare()));
  void showInformation(t('The configuration is in the clipboard. Paste it into {0}.', client.place));
}
