import { z } from 'zod';

const packages = z
  .array(z.string())
  .max(200)
  .describe('Package names with optional extras and versions, such as "pandas" or "numpy>=2,<3".');
const sandbox_id = z.string().describe('Default: your own sandbox, which is created when it is first used.').optional();
const run_id = z.string();
const wait_seconds = (seconds: number) =>
  z
    .number()
    .min(0)
    .max(600)
    .default(seconds)
    .describe('How long to wait for the end. A run that takes longer goes on; ask for it with get_run.');
const max_output_chars = z.number().int().min(100).max(1_000_000).default(20_000);

export const INPUTS = {
  run_code: z.strictObject({
    code: z.string().describe('Python code, with IPython magics such as %timeit and !ls.'),
    sandbox_id,
    timeout_seconds: z
      .number()
      .positive()
      .describe('Time limit of the code; never above the limit of the user.')
      .optional(),
    wait_seconds: wait_seconds(60),
    max_output_chars,
  }),
  get_run: z.strictObject({
    run_id,
    wait_seconds: wait_seconds(30),
    from_char: z.number().int().min(0).default(0).describe('Number of characters of the output to skip.'),
    max_output_chars,
  }),
  interrupt_run: z.strictObject({ run_id }),
  create_sandbox: z.strictObject({
    name: z.string().max(100).optional(),
    packages: packages.optional(),
    limits: z
      .strictObject({
        timeout: z.number().describe('Seconds.'),
        maxMemory: z.string().describe('Such as "512MB".'),
        cpus: z.number(),
        pids: z.number(),
        maxOutput: z.string().describe('Such as "1MB".'),
      })
      .partial()
      .describe("Limits that are stricter than the user's.")
      .optional(),
  }),
  list_sandboxes: z.strictObject({}),
  restart_sandbox: z.strictObject({
    sandbox_id: z.string(),
    files: z.enum(['keep', 'clear']).default('keep').describe('What happens to the files in the sandbox.'),
  }),
  delete_sandbox: z.strictObject({ sandbox_id: z.string() }),
  install_packages: z.strictObject({ packages: packages.min(1), sandbox_id }),
  write_file: z.strictObject({
    path: z.string().describe('Relative to the home folder of the sandbox, /sandbox.'),
    content: z.string().max(10_000_000),
    sandbox_id,
  }),
} as const;

const run = z.object({
  kind: z.literal('run'),
  sandbox_id: z.string(),
  run_id: z.string(),
  status: z.enum([
    'ok',
    'error',
    'running',
    'interrupted',
    'timed_out',
    'out_of_memory',
    'kernel_died',
    'sandbox_gone',
  ]),
  exit_code: z.number().int().nullable(),
  execution_count: z.number().int().nullable(),
  stdout: z.string(),
  stderr: z.string(),
  results: z.array(z.looseObject({ is_main_result: z.boolean() })),
  error: z.object({ name: z.string(), value: z.string(), traceback: z.string() }).nullable(),
  truncated: z.object({ chars: z.number().int(), how_to_get_the_rest: z.string() }).nullable(),
  duration_ms: z.number(),
  state_lost: z.boolean(),
  next_step: z.string().nullable(),
  notices: z.array(z.string()),
});
const sandbox = z.object({
  sandbox_id: z.string(),
  name: z.string(),
  state: z.enum(['ready', 'gone']),
  idle_seconds: z.number(),
});
const done = z.object({ sandbox_id: z.string(), next_step: z.string() });

export const OUTPUTS = {
  run_code: run,
  get_run: run,
  interrupt_run: run,
  create_sandbox: sandbox,
  list_sandboxes: z.object({ sandboxes: z.array(sandbox) }),
  restart_sandbox: done,
  delete_sandbox: done,
  install_packages: done,
  write_file: done,
} as const;

export type ToolName = keyof typeof INPUTS;
export type Input<Name extends ToolName> = z.infer<(typeof INPUTS)[Name]>;
export type Output<Name extends ToolName> = z.infer<(typeof OUTPUTS)[Name]>;
