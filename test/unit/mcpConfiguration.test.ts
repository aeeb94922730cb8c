import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { MCP_CLIENTS } from '../../src/mcp/client-configuration';
import { hasServerFiles, serverCommand, writeServerFiles } from '../../src/mcp/server-files';

const SERVER = { command: "/opt/it's here/node", args: ['/a b/mcp.cjs', '--settings', '/a b/s.json'], env: { A: '1' } };
const formatFor = (label: string): string => MCP_CLIENTS.find((one) => one.label === label)?.format(SERVER) ?? '';

describe('the configuration of an MCP client', () => {
  it('is a command line for Claude Code, which a shell reads as it is meant', () => {
    const line = formatFor('Claude Code');
    const words = execFileSync('sh', ['-c', `claude() { printf '%s\\n' "$@"; }; ${line}`], { encoding: 'utf8' }).split(
      '\n',
    );
    assert.deepEqual(words.slice(0, 5), ['mcp', 'add-json', '--scope', 'user', 'sandboxed-ipython']);
    assert.deepEqual(JSON.parse(words[5] ?? ''), { type: 'stdio', ...SERVER });
  });

  it('is a table for Codex', () => {
    assert.equal(
      formatFor('Codex'),
      [
        '[mcp_servers.sandboxed-ipython]',
        'command = "/opt/it\'s here/node"',
        'args = ["/a b/mcp.cjs", "--settings", "/a b/s.json"]',
        'env = { A = "1" }',
      ].join('\n'),
    );
  });

  for (const [label, key, more] of [
    ['Cursor', 'mcpServers', {}],
    ['VS Code', 'servers', { type: 'stdio' }],
    ['GitHub Copilot CLI and agent host', 'mcpServers', { type: 'local', tools: ['*'] }],
  ] as const) {
    it(`is JSON for ${label}`, () => {
      assert.deepEqual(JSON.parse(formatFor(label)), { [key]: { 'sandboxed-ipython': { ...more, ...SERVER } } });
    });
  }
});

describe('the files of the MCP server', () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'mcp-files-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('do not exist until they are needed', async () => {
    assert.equal(await hasServerFiles(folder), false);
  });

  it('are replaced as a whole, and leave no temporary file', async () => {
    for (const version of ['1', '2']) {
      await writeServerFiles(folder, "/a 'b'/mcp.js", {
        version,
        settings: { timeout: 5 },
        maxSandboxes: 10,
        warmSandboxes: 1,
      });
    }
    const { args } = serverCommand(folder);
    assert.equal(readFileSync(args[0] ?? '', 'utf8'), 'require("/a \'b\'/mcp.js");\n');
    assert.deepEqual(JSON.parse(readFileSync(args[2] ?? '', 'utf8')), {
      version: '2',
      settings: { timeout: 5 },
      maxSandboxes: 10,
      warmSandboxes: 1,
    });
    assert.equal(readdirSync(folder).length, 2);
    assert.equal(await hasServerFiles(folder), true);
  });
});
