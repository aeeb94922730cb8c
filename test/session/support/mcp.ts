import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Client, type CallToolResult } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import type { ServerSettings } from '../../../src/agents/mcp/main';
import type { Run } from '../../../src/agents/run';
import { BASE, RUNNER } from '../engineTools';

/** The revisions of the Model Context Protocol with and without a handshake. */
export const ERAS = {
  'a client that opens with initialize': 'legacy',
  'a stateless client': { pin: '2026-07-28' },
} as const;
export type Era = (typeof ERAS)[keyof typeof ERAS];

/** A client of the official SDK, with a server of its own. */
export class McpClient implements AsyncDisposable {
  private constructor(
    private readonly client: Client,
    readonly pid: number,
    private readonly folder: string,
  ) {}

  static async start(era: Era, settings: Partial<ServerSettings> = {}): Promise<McpClient> {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'mcp-'));
    const file = path.join(folder, 'settings.json');
    writeFileSync(
      file,
      JSON.stringify({
        settings: { image: BASE, packages: [], maxMemory: '512MB', timeout: 60 },
        warmSandboxes: 0,
        ...settings,
      }),
    );
    const server = path.resolve(__dirname, '../../../src/agents/mcp/main.js');
    const transport = new StdioClientTransport({
      command: process.execPath,
      args: [server, '--settings', file, '--runner', RUNNER],
      env: Object.fromEntries(
        Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
      ),
    });
    const client = new Client({ name: 'test', version: '1' }, { versionNegotiation: { mode: era } });
    await client.connect(transport);
    assert.ok(transport.pid !== null);
    return new McpClient(client, transport.pid, folder);
  }

  async tools(): ReturnType<Client['listTools']> {
    return this.client.listTools();
  }

  call(
    name: string,
    args: Record<string, unknown> = {},
    options?: Parameters<Client['callTool']>[1],
  ): Promise<CallToolResult> {
    return this.client.callTool({ name, arguments: args }, options);
  }

  /** Runs code and gives the run object. */
  async run(code: string, args: Record<string, unknown> = {}): Promise<Run> {
    return runOf(await this.call('run_code', { code, ...args }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export function runOf(result: CallToolResult): Run {
  assert.notEqual(result.isError, true, textOf(result));
  return result.structuredContent as Run;
}

export const textOf = ({ content }: CallToolResult): string =>
  content.map((part) => (part.type === 'text' ? part.text : '')).join('\n');
