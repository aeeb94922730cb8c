import type { MimeBundle, SandboxEvent } from '../protocol/messages';

/**
 * One output of a run as it arrives, with the terminal's control sequences that the code has written. The run object at the end has plain text,
 * and only what is left after lines were overwritten and outputs were cleared.
 */
export type RunOutput =
  | { type: 'stdout' | 'stderr'; text: string }
  | { type: 'result'; data: MimeBundle; is_main_result: boolean }
  | { type: 'error'; name: string; value: string };

export function outputOf(event: SandboxEvent): RunOutput | undefined {
  switch (event.msg_type) {
    case 'stream':
      return { type: event.content.name, text: event.content.text };
    case 'display_data':
    case 'execute_result':
      return { type: 'result', data: event.content.data, is_main_result: event.msg_type === 'execute_result' };
    case 'error':
      return { type: 'error', name: event.content.ename, value: event.content.evalue };
    default:
      return undefined;
  }
}
