import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import readline from 'node:readline';
import * as vscode from 'vscode';
import { useTestBase } from './support';

interface Configuration {
  servers: Record<string, { command: string; args: string[]; env: Record<string, string> }>;
}

/** Sends requests to a server as an agent does, and gives the results in their order. */
async function ask(
  { command, args, env }: Configuration['servers'][string],
  requests: readonly { method: string; params: object }[],
): Promise<Record<string, unknown>[]> {
  const server = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    const lines = readline.createInterface({ input: server.stdout })[Symbol.asyncIterator]();
    const results: Record<string, unknown>[] = [];
    for (const [id, request] of requests.entries()) {
      server.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, ...request })}\n`);
      const { value } = (await lines.next()) as { value: string };
      results.push((JSON.parse(value) as { result: Record<string, unknown> }).result);
    }
    return results;
  } finally {
    server.stdin.end();
    await once(server, 'exit'); // its sandboxes have ended
  }
}

describe('Copy MCP Configuration', () => {
  before(useTestBase);

  it('copies what starts a server with the settings of the user, whose tools run code', async function () {
    this.timeout(240_000);
    await vscode.commands.executeCommand('sandboxedIPython.copyMcpConfiguration', 'VS Code');
    const copied = JSON.parse(await vscode.env.clipboard.readText()) as Configuration;
    const server = copied.servers['sandboxed-ipython'];
    assert.ok(server);
    const [opened, ran] = await ask(server, [
      {
        method: 'initialize',
        params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
      },
      { method: 'tools/call', params: { name: 'run_code', arguments: { code: '6 * 7' } } },
    ]);
    assert.equal((opened?.['serverInfo'] as { name: string }).name, 'sandboxed-ipython');
    const { status, results } = ran?.['structuredContent'] as { status: string; results: unknown };
    assert.deepEqual([status, results], ['ok', [{ 'text/plain': '42', is_main_result: true }]]);
  });
});
