import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import readline from 'node:readline';
import fc from 'fast-check';
import { StdioServerTransport, serveStdio } from '@modelcontextprotocol/server/stdio';
import { createServer } from '../../src/agents/mcp/server';
import { SandboxPool } from '../../src/agents/sandbox-pool';
import { SandboxError } from '../../src/protocol/errors';

/** Number of malformed messages; a release is tested with 100,000. */
const MESSAGES = Number(process.env['MCP_FUZZ_MESSAGES'] ?? 2_000);
const MESSAGES_PER_BATCH = 50;
const ANSWER_MS = 1_000;

/** A server without an engine, and the lines that it writes. */
class Server {
  readonly #input = new PassThrough();
  readonly #output = new PassThrough();
  readonly #answers = new Map<string, (answer: unknown) => void>();
  readonly #handle = serveStdio(() => createServer(this.#pool, '1'), {
    transport: new StdioServerTransport(this.#input, this.#output),
    onerror: () => undefined,
  });
  #count = 0;

  constructor(private readonly pool: SandboxPool) {
    readline.createInterface({ input: this.#output }).on('line', (line) => {
      const { id, ...answer } = JSON.parse(line) as { id?: unknown };
      this.#answers.get(String(id))?.(answer);
    });
  }

  get #pool(): SandboxPool {
    return this.pool;
  }

  write(line: string | Uint8Array): void {
    this.#input.write(line);
    this.#input.write('\n');
  }

  /** Rejects if the server does not answer in time. */
  request(method: string, params: object): Promise<unknown> {
    const id = `valid-${(this.#count += 1)}`;
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no answer to ${method}`)), ANSWER_MS);
      this.#answers.set(id, (answer) => {
        clearTimeout(late);
        this.#answers.delete(id);
        resolve(answer);
      });
      this.write(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
    });
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

const toolNames = fc.constantFrom(
  'run_code',
  'get_run',
  'create_sandbox',
  'delete_sandbox',
  'write_file',
  'no_such_tool',
  '__proto__',
);
const call = fc.record({
  jsonrpc: fc.constantFrom('2.0', '1.0'),
  id: fc.oneof(fc.integer(), fc.string(), fc.constant(null)),
  method: fc.constantFrom(
    'tools/call',
    'tools/list',
    'initialize',
    'server/discover',
    'notifications/cancelled',
    'ping',
    'x',
  ),
  params: fc.oneof(
    fc.record({ name: toolNames, arguments: fc.object({ maxDepth: 3 }), _meta: fc.object() }),
    fc.jsonValue(),
  ),
});
const line = fc.oneof(
  call.map((message) => JSON.stringify(message)),
  fc.jsonValue().map((value) => JSON.stringify(value)),
  call.chain((message) => {
    const text = JSON.stringify(message);
    return fc.nat(text.length).map((end) => text.slice(0, end));
  }),
  fc.uint8Array({ maxLength: 200 }).map((bytes) => bytes.map((byte) => (byte === 10 ? 32 : byte))),
  fc.constantFrom('', '{}', '[]', '[[]]', 'null', '{"__proto__":{}}', '['.repeat(2_000)),
);

describe('the MCP server', () => {
  it('answers after any malformed messages, and keeps nothing of them', async function () {
    this.timeout(60_000 + MESSAGES * 20);
    const pool = new SandboxPool({
      open: { runnerFolder: 'none' },
      connect: () => Promise.reject(new SandboxError('EngineNotFound')),
      maxSandboxes: 10,
      keepReady: true,
    });
    const server = new Server(pool);
    const opening = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'fuzz', version: '1' } };
    await server.request('initialize', opening);
    const batch = fc.array(line, { minLength: MESSAGES_PER_BATCH, maxLength: MESSAGES_PER_BATCH });
    await fc.assert(
      fc.asyncProperty(batch, async (lines) => {
        for (const one of lines) {
          server.write(one);
        }
        const answer = (await server.request('tools/list', {})) as { result?: { tools: unknown[] } };
        assert.equal(answer.result?.tools.length, 9);
      }),
      { numRuns: Math.ceil(MESSAGES / MESSAGES_PER_BATCH), endOnFailure: true },
    );
    assert.deepEqual(pool.list(), []);
    await server.close();
    await pool.close();
  });
});
