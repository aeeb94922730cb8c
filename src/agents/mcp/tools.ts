import type { ToolAnnotations } from '@modelcontextprotocol/server';
import type { Run } from '../run';
import type { PooledSandbox, SandboxPool } from '../sandbox-pool';
import { cutRun, type Image } from './cut-run';
import type { Input, Output, ToolName } from './schemas';

/** A mistake of the caller. Its message says what to do instead. */
export class ToolError extends Error {}

export interface CallContext {
  pool: SandboxPool;
  /** Aborts when the client cancels the call. */
  signal: AbortSignal;
}

interface Tool<Name extends ToolName> {
  title: string;
  description: string;
  annotations: ToolAnnotations;
  call: (input: Input<Name>, context: CallContext) => Promise<{ output: Output<Name>; images?: Image[] }>;
}

/** The tools in the order in which they are listed, which never changes. */
export const TOOLS: { readonly [Name in ToolName]: Tool<Name> } = {
  run_code: {
    title: 'Run Python in a sandbox',
    description:
      'Runs Python in a persistent IPython inside an isolated container without a network. Variables stay from call to call. ' +
      'The result says how the code ended, whether the variables are still there, and what to do next.',
    annotations: { destructiveHint: false, openWorldHint: false },
    call: async ({ code, sandbox_id, timeout_seconds, wait_seconds, max_output_chars }, context) => {
      const { session } = await sandboxOf(context, sandbox_id);
      const runId = session.start(code, {
        signal: context.signal,
        ...(timeout_seconds !== undefined && { timeout: timeout_seconds }),
      });
      return present(await session.wait(runId, wait_seconds), { maxChars: max_output_chars });
    },
  },
  get_run: {
    title: 'Get a run',
    description: 'Gives a run that was started with run_code: its state, and the rest of a long output.',
    annotations: { readOnlyHint: true },
    call: async ({ run_id, wait_seconds, from_char, max_output_chars }, { pool }) => {
      const { session } = sandboxOfRun(pool, run_id);
      return present(await session.wait(run_id, wait_seconds), { maxChars: max_output_chars, fromChar: from_char });
    },
  },
  interrupt_run: {
    title: 'Interrupt a run',
    description: 'Interrupts running code, as Ctrl+C does. The variables are kept.',
    annotations: { destructiveHint: false, idempotentHint: true, openWorldHint: false },
    call: async ({ run_id }, { pool }) => {
      const { session } = sandboxOfRun(pool, run_id);
      await session.interrupt(run_id);
      return present(await session.wait(run_id, INTERRUPT_SECONDS), { maxChars: INTERRUPTED_CHARS });
    },
  },
  create_sandbox: {
    title: 'Create a sandbox',
    description: 'Creates another sandbox with variables, files and packages of its own.',
    annotations: { destructiveHint: false, openWorldHint: true },
    call: async ({ name, packages, limits }, { pool, signal }) => {
      const sandbox = await pool.create({
        signal,
        ...(name !== undefined && { name }),
        ...(packages && { libraries: packages }),
        ...(limits && { limits }),
      });
      return { output: described(sandbox) };
    },
  },
  list_sandboxes: {
    title: 'List sandboxes',
    description: 'Lists your sandboxes. Those of other clients are not listed.',
    annotations: { readOnlyHint: true },
    call: (_input, { pool }) => Promise.resolve({ output: { sandboxes: pool.list().map(described) } }),
  },
  restart_sandbox: {
    title: 'Restart a sandbox',
    description:
      'Starts a fresh Python in the sandbox. All variables are lost; the files are kept unless they are cleared.',
    annotations: { destructiveHint: true, openWorldHint: false },
    call: async ({ sandbox_id, files }, context) => {
      const { session } = await sandboxOf(context, sandbox_id);
      await session.reset({ files });
      return { output: { sandbox_id, next_step: 'The variables are gone. Run the code that makes them again.' } };
    },
  },
  delete_sandbox: {
    title: 'Delete a sandbox',
    description: 'Ends a sandbox with its variables and files.',
    annotations: { destructiveHint: true, idempotentHint: true, openWorldHint: false },
    call: async ({ sandbox_id }, { pool }) => {
      const wasThere = await pool.delete(sandbox_id);
      return {
        output: { sandbox_id, next_step: wasThere ? 'The sandbox is gone.' : 'There was no such sandbox any more.' },
      };
    },
  },
  install_packages: {
    title: 'Install packages',
    description:
      'Installs Python packages from the package index into a sandbox. Code in the sandbox has no network and cannot install them itself.',
    annotations: { destructiveHint: false, idempotentHint: true, openWorldHint: true },
    call: async ({ packages, sandbox_id }, context) => {
      const { session, id } = await sandboxOf(context, sandbox_id);
      await session.install(packages);
      return { output: { sandbox_id: id, next_step: 'The packages can be imported now.' } };
    },
  },
  write_file: {
    title: 'Write a file in the sandbox',
    description: 'Writes a text file into a sandbox. It never writes to the computer of the user.',
    annotations: { destructiveHint: false, idempotentHint: true, openWorldHint: false },
    call: async ({ path, content, sandbox_id }, context) => {
      const { session, id } = await sandboxOf(context, sandbox_id);
      await session.writeFile(path, content);
      return { output: { sandbox_id: id, next_step: `The file is at /sandbox/${path}.` } };
    },
  },
};

/** Seconds in which an interrupted run usually ends. */
const INTERRUPT_SECONDS = 5;
const INTERRUPTED_CHARS = 20_000;

async function sandboxOf({ pool }: CallContext, id: string | undefined): Promise<PooledSandbox> {
  const sandbox = id === undefined ? await pool.usual() : pool.get(id);
  if (sandbox === undefined) {
    throw new ToolError(
      'There is no sandbox with this sandbox_id. It may have been deleted. Call list_sandboxes, or leave out sandbox_id.',
    );
  }
  sandbox.lastUsed = Date.now();
  return sandbox;
}

function sandboxOfRun(pool: SandboxPool, runId: string): PooledSandbox {
  const found = pool.ofRun(runId);
  if (found === undefined) {
    throw unknownRun();
  }
  found.sandbox.lastUsed = Date.now();
  return found.sandbox;
}

const unknownRun = (): ToolError =>
  new ToolError(
    'There is no run with this run_id. Its sandbox may have been deleted, or many runs have ended since. Run the code again.',
  );

function present(
  run: Run | undefined,
  options: { maxChars: number; fromChar?: number },
): { output: Run; images: Image[] } {
  if (run === undefined) {
    throw unknownRun();
  }
  const { run: output, images } = cutRun(run, options);
  return { output, images };
}

const described = ({ id, name, session, lastUsed }: PooledSandbox): Output<'create_sandbox'> => ({
  sandbox_id: id,
  name,
  state: session.isGone ? 'gone' : 'ready',
  idle_seconds: Math.round((Date.now() - lastUsed) / 1_000),
});
