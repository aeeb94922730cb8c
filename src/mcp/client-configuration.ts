import type { ServerCommand } from './server-files';

const NAME = 'sandboxed-ipython';

/** A program that starts MCP servers, and the form in which it reads their configuration. */
export interface McpClientKind {
  label: string;
  /** Where the configuration belongs. */
  place: string;
  format: (server: ServerCommand) => string;
}

export const MCP_CLIENTS: readonly McpClientKind[] = [
  {
    label: 'Claude Code',
    place: 'a terminal',
    format: (server) =>
      `claude mcp add-json --scope user ${NAME} ${quoted(JSON.stringify({ type: 'stdio', ...server }))}`,
  },
  { label: 'Codex', place: '~/.codex/config.toml', format: toml },
  { label: 'Cursor', place: '~/.cursor/mcp.json', format: (server) => json('mcpServers', { ...server }) },
  { label: 'VS Code', place: 'mcp.json', format: (server) => json('servers', { type: 'stdio', ...server }) },
  {
    label: 'GitHub Copilot CLI and agent host',
    place: '~/.copilot/mcp-config.json',
    format: (server) => json('mcpServers', { type: 'local', tools: ['*'], ...server }),
  },
];

const json = (key: string, server: object): string => JSON.stringify({ [key]: { [NAME]: server } }, undefined, 2);

/** TOML's basic strings have the escapes of JSON. */
function toml({ command, args, env }: ServerCommand): string {
  const variables = Object.entries(env).map(([name, value]) => `${name} = ${JSON.stringify(value)}`);
  return [
    `[mcp_servers.${NAME}]`,
    `command = ${JSON.stringify(command)}`,
    `args = [${args.map((one) => JSON.stringify(one)).join(', ')}]`,
    `env = { ${variables.join(', ')} }`,
  ].join('\n');
}

/** One argument of a command line, for the shells of Linux and macOS, and for PowerShell. */
const quoted = (text: string): string =>
  process.platform === 'win32' ? `'${text.replaceAll("'", "''")}'` : `'${text.replaceAll("'", `'\\''`)}'`;
