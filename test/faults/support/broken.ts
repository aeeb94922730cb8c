import type { SandboxEvent } from '../../../src/protocol/messages';

const OUTPUT: ReadonlySet<string> = new Set([
  'stream',
  'display_data',
  'execute_result',
  'error',
  'update_display_data',
  'clear_output',
]);

/** Changes every n-th event that produces output. */
export function everyNth(
  n: number,
  change: (event: SandboxEvent) => SandboxEvent[],
): (event: SandboxEvent) => SandboxEvent[] {
  let seen = 0;
  return (event) => (OUTPUT.has(event.msg_type) && ++seen % n === 0 ? change(event) : [event]);
}

export const dropping = (n: number): ((event: SandboxEvent) => SandboxEvent[]) => everyNth(n, () => []);
